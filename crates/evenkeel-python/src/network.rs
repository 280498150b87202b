//! What can be said of a network at one moment.

use evenkeel::recurrence::sgd;
use evenkeel::spread as theory;
use evenkeel::warmup::{self, Policy};
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::error::refuse;
use crate::input::{Vector, elrs, rate};

/// How far apart the ELRs of a network are.
#[pyclass(frozen, module = "evenkeel")]
pub struct Spread(theory::Spread);

#[pymethods]
impl Spread {
    /// Standard deviation of `ln E`.
    #[getter]
    fn std(&self) -> f64 {
        self.0.std
    }

    /// `ln` of the largest over the smallest ELR.
    #[getter]
    fn range(&self) -> f64 {
        self.0.range
    }

    /// The range in powers of ten.
    #[getter]
    fn decades(&self) -> f64 {
        self.0.decades()
    }

    /// The largest over the smallest ELR.
    #[getter]
    fn ratio(&self) -> f64 {
        self.0.ratio()
    }

    fn __repr__(&self) -> String {
        format!("Spread(decades={:?}, std={:?})", self.decades(), self.std())
    }
}

/// How far apart ELRs are.
#[pyfunction]
pub fn spread(elr: Vector<'_>) -> PyResult<Spread> {
    Ok(Spread(theory::Spread::of(&elrs(&elr)?)))
}

/// The critical learning rate by one policy.
#[pyfunction]
pub fn critical_lr(elr: Vector<'_>, policy: &str) -> PyResult<f64> {
    let found = Policy::find(policy).ok_or_else(|| {
        refuse(format!(
            "policy is `{policy}`; permitted: {}",
            policies().join(", ")
        ))
    })?;
    let critical = found.critical(&elrs(&elr)?);
    Ok(critical.map_or(f64::NAN, |rate| rate.get()))
}

/// The critical learning rate by every policy.
#[pyfunction]
pub fn critical_lrs(elr: Vector<'_>) -> PyResult<Vec<(&'static str, f64)>> {
    let elrs = elrs(&elr)?;
    let row = |policy: &Policy| Some((policy.name, policy.critical(&elrs)?.get()));
    Ok(warmup::ALL.iter().filter_map(row).collect())
}

/// The names of the policies, the default first.
#[pyfunction]
pub fn policies() -> Vec<&'static str> {
    warmup::ALL.iter().map(|policy| policy.name).collect()
}

/// The ELRs after a step of plain SGD at a rate for each layer (T5).
#[pyfunction]
pub fn advance<'py>(
    py: Python<'py>,
    elr: Vector<'py>,
    lr: Vector<'py>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let elrs = elrs(&elr)?;
    let rates = lr.as_array();
    if rates.len() != elrs.len() {
        return Err(refuse(format!(
            "there are {} rates for {} layers; give one for each",
            rates.len(),
            elrs.len()
        )));
    }
    let step = |(elr, lr): (&_, &f64)| Ok(sgd::elr(*elr, rate(*lr)?).get());
    let after: Vec<f64> = elrs
        .iter()
        .zip(rates.iter())
        .map(step)
        .collect::<PyResult<_>>()?;
    Ok(PyArray1::from_vec(py, after))
}
