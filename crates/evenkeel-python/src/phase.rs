//! The phase diagram: how long until equal.

use evenkeel::control::Controls;
use evenkeel::critical::Regime;
use evenkeel::optimizer::Optimizer;
use evenkeel::phase::{Cell, cell};
use evenkeel::quantity::LearningRate;
use numpy::PyArray2;
use numpy::ndarray::Array2;
use pyo3::prelude::*;

use crate::error::refuse;
use crate::input::{Vector, parsed, rate};

/// Steps until equal, by initial spread (rows) and learning rate (columns).
#[pyclass(frozen, module = "evenkeel")]
pub struct Phase {
    shape: (usize, usize),
    cells: Vec<Cell>,
}

#[pymethods]
impl Phase {
    /// Steps until the largest ELR is at most twice the smallest; NaN when that is not foreseen.
    #[getter]
    fn steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let steps = self.cells.iter().map(|cell| cell.steps.unwrap_or(f64::NAN));
        let rows = Array2::from_shape_vec(self.shape, steps.collect()).map_err(refuse)?;
        Ok(PyArray2::from_owned_array(py, rows))
    }

    /// What the first step does to the fastest and the slowest layer: below their critical rate −1, at
    /// it 0, above it 1.
    #[getter]
    fn regime<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<i8>>> {
        let sign = |cell: &Cell| match cell.regime {
            Regime::Converging => -1,
            Regime::Critical => 0,
            Regime::Flipped => 1,
        };
        let signs = self.cells.iter().map(sign).collect();
        let rows = Array2::from_shape_vec(self.shape, signs).map_err(refuse)?;
        Ok(PyArray2::from_owned_array(py, rows))
    }
}

/// Computes the diagram; rates are in units of the inverse mean ELR.
#[pyfunction]
pub fn phase(
    py: Python<'_>,
    lr: Vector<'_>,
    decades: Vector<'_>,
    layers: usize,
    optimizer: &str,
    control: &str,
) -> PyResult<Phase> {
    let optimizer: Optimizer = parsed(optimizer)?;
    let controls: Controls = parsed(control)?;
    let rates: Vec<LearningRate> = lr
        .as_array()
        .iter()
        .map(|r| rate(*r))
        .collect::<PyResult<_>>()?;
    let decades: Vec<f64> = decades.as_array().to_vec();
    if let Some(bad) = decades.iter().find(|d| !(0.0..=100.0).contains(*d)) {
        return Err(refuse(format!(
            "decades is {bad}, but must be from 0 to 100"
        )));
    }
    if !(2..=1000).contains(&layers) {
        return Err(refuse(format!(
            "layers is {layers}, but must be from 2 to 1000"
        )));
    }
    let at = |spread: f64, lr: LearningRate| cell(layers, spread, lr, &optimizer, &controls);
    let row = |spread: &f64| rates.iter().map(|lr| at(*spread, *lr)).collect::<Vec<_>>();
    let cells = py.detach(|| decades.iter().flat_map(row).collect());
    let shape = (decades.len(), rates.len());
    Ok(Phase { shape, cells })
}
