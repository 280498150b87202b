//! What controls decide at a step.

use evenkeel::control::{self, Moment};
use evenkeel::equalise::rescale_factors_for;
use evenkeel::optimizer::Measure;
use evenkeel::quantity::{Growth, LrMultiplier, QuantityError};
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::error::refuse;
use crate::input::{Vector, elrs, measure, parsed, rate};

/// Controls of effective learning rates, such as `critical+hold`.
#[pyclass(frozen, module = "evenkeel")]
pub struct Controls(control::Controls);

/// What to do at one step.
#[pyclass(frozen, module = "evenkeel")]
pub struct Plan(control::Plan);

#[pymethods]
impl Controls {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        Ok(Self(parsed(text)?))
    }

    /// The name, as it is read.
    #[getter]
    fn name(&self) -> String {
        self.0.to_string()
    }

    /// Decides what to do at a step, from the ELRs as they stand and the rate the schedule asks for.
    #[pyo3(signature = (step, elr, lr, multipliers=None, measure="gradient", growths=None, path=0.0))]
    fn decide(
        &self,
        step: usize,
        elr: Vector<'_>,
        lr: f64,
        multipliers: Option<Vector<'_>>,
        measure: &str,
        growths: Option<Vector<'_>>,
        path: f64,
    ) -> PyResult<Plan> {
        let elrs = elrs(&elr)?;
        let multipliers = quantities(multipliers, LrMultiplier::new)?;
        let growths = quantities(growths, Growth::new)?;
        for (name, given) in [
            ("multipliers", multipliers.len()),
            ("growths", growths.len()),
        ] {
            if given != 0 && given != elrs.len() {
                return Err(refuse(format!(
                    "there are {given} {name} for {} layers; give one for each, or none",
                    elrs.len()
                )));
            }
        }
        let moment = Moment {
            step,
            measure: self::measure(measure)?,
            multipliers: &multipliers,
            growths: &growths,
            path,
        };
        Ok(Plan(self.0.decide_at(&moment, elrs, rate(lr)?)))
    }

    /// Which ELRs to go by under an optimiser such as `momentum:mu=0.9`: `gradient` or `update`.
    fn measure(&self, optimizer: &str) -> PyResult<&'static str> {
        Ok(match self.0.measure(&parsed(optimizer)?) {
            Measure::Gradient => "gradient",
            Measure::Update => "update",
        })
    }

    fn __repr__(&self) -> String {
        format!("Controls({:?})", self.name())
    }
}

#[pymethods]
impl Plan {
    /// The rate to use: at most the target.
    #[getter]
    fn lr(&self) -> f64 {
        self.0.lr.get()
    }

    /// The critical rate at the ELRs as they act.
    #[getter]
    fn critical(&self) -> Option<f64> {
        self.0.critical.map(|rate| rate.get())
    }

    /// Whether the rate is held below its target.
    #[getter]
    fn capped(&self) -> bool {
        self.0.is_capped()
    }

    /// The factors by which to multiply weights before the step, if any.
    #[getter]
    fn rescale<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        let factors = self.0.rescale.as_ref()?;
        Some(PyArray1::from_iter(py, factors.iter().map(|a| a.get())))
    }

    /// The multipliers of the layers' rates, if any.
    #[getter]
    fn multipliers<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        let multipliers = self.0.multipliers.as_ref()?;
        Some(PyArray1::from_iter(py, multipliers.iter().map(|m| m.get())))
    }

    /// The ELRs as they act in this step.
    #[getter]
    fn elr<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_iter(py, self.0.elrs.iter().map(|elr| elr.get()))
    }

    /// The angle by which the step turns layers, mean over them, in radians.
    #[getter]
    fn turn(&self) -> f64 {
        self.0.mean_turn()
    }
}

/// What was before the step, one for each layer; none when nothing is given.
fn quantities<T>(
    values: Option<Vector<'_>>,
    checked: fn(f64) -> Result<T, QuantityError>,
) -> PyResult<Vec<T>> {
    let Some(values) = &values else {
        return Ok(Vec::new());
    };
    let values = values.as_array();
    values.iter().map(|v| checked(*v).map_err(refuse)).collect()
}

/// The factors that make all ELRs equal (T22).
#[pyfunction]
#[pyo3(signature = (elr, measure="gradient"))]
pub fn rescale_factors<'py>(
    py: Python<'py>,
    elr: Vector<'py>,
    measure: &str,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let factors = rescale_factors_for(self::measure(measure)?, &elrs(&elr)?);
    Ok(PyArray1::from_iter(py, factors.iter().map(|a| a.get())))
}
