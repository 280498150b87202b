//! What will happen to a network.

use evenkeel::control::Controls;
use evenkeel::forecast as theory;
use evenkeel::optimizer::Optimizer;
use evenkeel::quantity::Elr;
use evenkeel::schedule::{Schedule, Shape};
use numpy::ndarray::Array2;
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;

use crate::error::refuse;
use crate::input::{Vector, elrs, parsed, rate};

/// Values that a forecast may hold, as in the program: ELRs of all layers at all steps.
const MOST_VALUES: usize = 1 << 28;

/// What will happen to a network: `N` steps, `N + 1` states.
#[pyclass(frozen, module = "evenkeel")]
pub struct Forecast(theory::Forecast);

#[pymethods]
impl Forecast {
    /// The rate of each step.
    #[getter]
    fn lr<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_iter(py, self.0.lrs.iter().map(|lr| lr.get()))
    }

    /// A row for each state, a column for each layer.
    #[getter]
    fn elr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let layers = self.0.elrs.first().map_or(0, Vec::len);
        let flat: Vec<f64> = self
            .0
            .elrs
            .iter()
            .flatten()
            .map(|e: &Elr| e.get())
            .collect();
        let rows = Array2::from_shape_vec((self.0.elrs.len(), layers), flat).map_err(refuse)?;
        Ok(PyArray2::from_owned_array(py, rows))
    }

    /// Standard deviation of `ln E` in each state (T3).
    #[getter]
    fn spread_std<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_iter(py, self.0.spreads.iter().map(|spread| spread.std))
    }

    /// `ln` of the largest over the smallest ELR in each state.
    #[getter]
    fn spread_range<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_iter(py, self.0.spreads.iter().map(|spread| spread.range))
    }

    /// Steps whose rate is below its target at the start; all of them when the warm-up is not over.
    #[getter]
    fn warmup_steps(&self) -> usize {
        self.0.warmup_steps.unwrap_or(self.0.lrs.len())
    }

    fn __repr__(&self) -> String {
        let decades =
            |spread: Option<&evenkeel::spread::Spread>| spread.map_or(0.0, |s| s.decades());
        format!(
            "Forecast(steps={}, decades={:.2} → {:.2}, warmup_steps={})",
            self.0.lrs.len(),
            decades(self.0.spreads.first()),
            decades(self.0.spreads.last()),
            self.warmup_steps()
        )
    }
}

/// Predicts the ELRs of a network.
#[pyfunction]
pub fn forecast(
    py: Python<'_>,
    elr: Vector<'_>,
    lr: f64,
    steps: usize,
    optimizer: &str,
    control: &str,
    schedule: &str,
) -> PyResult<Forecast> {
    let elrs = elrs(&elr)?;
    let optimizer: Optimizer = parsed(optimizer)?;
    let controls: Controls = parsed(control)?;
    let schedule = Schedule::new(parsed::<Shape>(schedule)?, rate(lr)?, steps);
    if elrs.len().saturating_mul(steps) > MOST_VALUES {
        return Err(refuse(format!(
            "{steps} steps of {} layers are too many values to keep; the product may be {MOST_VALUES}",
            elrs.len()
        )));
    }
    let target = |step| schedule.at(step);
    let run = py.detach(|| {
        theory::Forecaster::new(&elrs, target)
            .optimizer(&optimizer)
            .controls(controls)
            .run(steps)
    });
    Ok(Forecast(run))
}
