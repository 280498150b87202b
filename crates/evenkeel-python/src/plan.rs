//! What to do in one step.

use evenkeel::controller;
use evenkeel::quantity::Elr;
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::input::{Vector, elrs, measure};

/// What to do in one step. Vectors have one entry for each part of the layers.
#[pyclass(frozen, module = "evenkeel")]
pub struct Plan(pub controller::Plan);

type Floats<'py> = Bound<'py, PyArray1<f64>>;

fn floats(py: Python<'_>, elrs: &[Option<Elr>]) -> Py<PyArray1<f64>> {
    let numbers = elrs.iter().map(|elr| elr.map_or(f64::NAN, Elr::get));
    PyArray1::from_iter(py, numbers).unbind()
}

#[pymethods]
impl Plan {
    /// The rate to use: at most the target.
    #[getter]
    fn lr(&self) -> f64 {
        self.0.lr.get()
    }

    /// The rate that the schedule asks for.
    #[getter]
    fn target(&self) -> f64 {
        self.0.target.get()
    }

    /// The critical rate at the ELRs as they act; `None` when every part is dead.
    #[getter]
    fn critical(&self) -> Option<f64> {
        self.0.critical.map(|rate| rate.get())
    }

    /// Whether the rate is held below its target.
    #[getter]
    fn capped(&self) -> bool {
        self.0.is_capped()
    }

    /// `lr/target`; 1 for a target of 0.
    #[getter]
    fn fraction(&self) -> f64 {
        self.0.fraction()
    }

    /// Whether multipliers were decided in this step.
    #[getter]
    fn multiplies(&self) -> bool {
        self.0.multiplies
    }

    /// The factors by which to multiply weights before the step, if any.
    #[getter]
    fn rescale<'py>(&self, py: Python<'py>) -> Option<Floats<'py>> {
        let factors = self.0.factors.iter().map(|a| a.get());
        self.0.rescales.then(|| PyArray1::from_iter(py, factors))
    }

    /// The multipliers of the rates. A dead part keeps the one it had.
    #[getter]
    fn multipliers<'py>(&self, py: Python<'py>) -> Floats<'py> {
        PyArray1::from_iter(py, self.0.multipliers.iter().map(|m| m.get()))
    }

    /// The fraction that each part takes of the step that the optimiser makes at the target rate.
    #[getter]
    fn fractions<'py>(&self, py: Python<'py>) -> Floats<'py> {
        PyArray1::from_iter(py, self.0.fractions.iter().copied())
    }

    /// The ELRs as they stood; NaN for a dead part.
    #[getter]
    fn raw(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        floats(py, &self.0.raw)
    }

    /// The ELRs under the multipliers of the step before; NaN for a dead part.
    #[getter]
    fn before_hold(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        floats(py, &self.0.before_hold)
    }

    /// The ELRs as they act in this step; NaN for a dead part.
    #[getter]
    fn elr(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        floats(py, &self.0.acting)
    }

    /// The angle by which the step turns layers, in radians, mean over those that are alive.
    #[getter]
    fn mean_angle(&self) -> f64 {
        self.0.mean_angle
    }
}

/// The factors that make all ELRs equal (T22).
#[pyfunction]
#[pyo3(signature = (elr, measure="gradient"))]
pub fn rescale_factors<'py>(
    py: Python<'py>,
    elr: Vector<'py>,
    measure: &str,
) -> PyResult<Floats<'py>> {
    let measure = self::measure(measure)?;
    let factors = evenkeel::equalise::rescale_factors_for(measure, &elrs(&elr)?);
    Ok(PyArray1::from_iter(py, factors.iter().map(|a| a.get())))
}
