//! Scaling symmetries of a network, found while it trains (T33–T36).

use evenkeel::symmetry::{Observations, Symmetry, equalise};
use numpy::ndarray::Array2;
use numpy::{PyArray1, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::error::refuse;
use crate::input::{Vector, elrs};

/// What `find` returns: exponents, singular values and the gap.
type Found<'py> = (
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<f64>>,
    Option<f64>,
);

/// Inner products of weights and gradients, batch by batch, in memory for the square of the number of
/// parameters.
#[pyclass(module = "evenkeel")]
pub struct SymmetryObservations {
    seen: Observations,
}

#[pymethods]
impl SymmetryObservations {
    /// Nothing seen yet of so many parameters.
    #[new]
    fn new(parameters: usize) -> Self {
        Self {
            seen: Observations::new(parameters),
        }
    }

    /// Takes in one batch: for each parameter ⟨W, ∇W⟩ and its bound ‖W‖‖∇W‖.
    fn push(&mut self, inner: Vector<'_>, bounds: Vector<'_>) -> PyResult<()> {
        self.seen
            .push(&inner.as_array().to_vec(), &bounds.as_array().to_vec())
            .map_err(refuse)
    }

    /// The number of batches seen.
    #[getter]
    fn batches(&self) -> usize {
        self.seen.batches()
    }

    /// The symmetries as exponents (a row each, a column for each parameter), all singular values in
    /// descending order, and the factor of the gap; `None` if there is none.
    fn find<'py>(&self, py: Python<'py>) -> PyResult<Found<'py>> {
        let found = py.detach(|| self.seen.symmetries()).map_err(refuse)?;
        let columns = self.seen.parameters();
        let exponents = found.vectors.iter().flat_map(|s| s.exponents().to_vec());
        let shape = (found.vectors.len(), columns);
        let rows = Array2::from_shape_vec(shape, exponents.collect()).map_err(refuse)?;
        Ok((
            PyArray2::from_owned_array(py, rows),
            PyArray1::from_vec(py, found.values),
            found.gap,
        ))
    }
}

/// The factors of weights that make ELRs as equal as symmetries allow, over the parameters that count,
/// and the share of the variance of ln ELR that goes with them (T36).
#[pyfunction]
#[pyo3(signature = (exponents, elr, counts, measure = "gradient"))]
pub fn equalise_along<'py>(
    py: Python<'py>,
    exponents: PyReadonlyArray2<'py, f64>,
    elr: Vector<'py>,
    counts: Vec<bool>,
    measure: &str,
) -> PyResult<(Bound<'py, PyArray1<f64>>, f64)> {
    let elrs = elrs(&elr)?;
    let exponents = exponents.as_array();
    if exponents.ncols() != elrs.len() || counts.len() != elrs.len() {
        return Err(refuse(format!(
            "there are {} ELRs, {} columns of exponents and {} entries of counts; give one for each parameter",
            elrs.len(),
            exponents.ncols(),
            counts.len()
        )));
    }
    let rows = exponents.rows();
    let symmetries: Vec<Symmetry> = rows.into_iter().map(|row| Symmetry::new(row.to_vec())).collect();
    let found = equalise(crate::input::measure(measure)?, &symmetries, &elrs, &counts);
    let factors = found.factors.iter().map(|factor| factor.get()).collect();
    Ok((PyArray1::from_vec(py, factors), found.gauge_share()))
}
