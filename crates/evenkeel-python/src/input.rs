//! Arguments as quantities of the theory.

use std::str::FromStr;

use evenkeel::optimizer::Measure;
use evenkeel::quantity::{Elr, LearningRate};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::error::refuse;

/// A vector of 64-bit floats.
pub type Vector<'py> = PyReadonlyArray1<'py, f64>;

/// The ELRs of a network, at least one.
pub fn elrs(values: &Vector<'_>) -> PyResult<Vec<Elr>> {
    let checked = |(layer, value): (usize, &f64)| {
        Elr::new(*value).map_err(|error| refuse(format!("layer {layer}: {error}")))
    };
    let elrs = values.as_array();
    let elrs = elrs.iter().enumerate().map(checked);
    let elrs: Vec<Elr> = elrs.collect::<PyResult<_>>()?;
    match elrs.is_empty() {
        true => Err(refuse(
            "there are no layers; give the ELR of one at least, such as [0.1]",
        )),
        false => Ok(elrs),
    }
}

/// A learning rate.
pub fn rate(value: f64) -> PyResult<LearningRate> {
    LearningRate::new(value).map_err(refuse)
}

/// What is written as in the program's arguments.
pub fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> PyResult<T> {
    text.parse().map_err(refuse)
}

/// Which ELRs are meant: `gradient` or `update`.
pub fn measure(name: &str) -> PyResult<Measure> {
    match name {
        "gradient" => Ok(Measure::Gradient),
        "update" => Ok(Measure::Update),
        _ => Err(refuse(format!(
            "measure is `{name}`, but must be gradient (for SGD) or update (for Adam and its kind)"
        ))),
    }
}

/// The name of a measure.
pub fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::Gradient => "gradient",
        Measure::Update => "update",
    }
}
