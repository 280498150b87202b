//! Norms from anyone's tool.

use evenkeel::optimizer::Optimizer;
use evenkeel_snapshot as reader;
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::error::refuse;
use crate::input::parsed;

/// One step's norms of a network's layers.
#[pyclass(frozen, module = "evenkeel")]
pub struct Snapshot(pub(crate) reader::Parsed);

#[pymethods]
impl Snapshot {
    /// Reads CSV, JSON or JSON Lines; `source` is what messages call it.
    #[staticmethod]
    #[pyo3(signature = (text, source="snapshot"))]
    fn parse(py: Python<'_>, text: &[u8], source: &str) -> PyResult<Self> {
        py.detach(|| reader::Snapshot::parse(source, text))
            .map(Self)
            .map_err(refuse)
    }

    /// The names of the layers.
    #[getter]
    fn layers(&self) -> Vec<&str> {
        self.0.snapshot.names().collect()
    }

    /// The training step, where the input says it.
    #[getter]
    fn step(&self) -> Option<u64> {
        self.0.step
    }

    /// What the reader noticed, a sentence each.
    #[getter]
    fn warnings(&self) -> Vec<&str> {
        self.0.warnings.iter().map(String::as_str).collect()
    }

    /// The ELRs as an optimiser goes by them.
    #[pyo3(signature = (optimizer="sgd"))]
    fn elr<'py>(&self, py: Python<'py>, optimizer: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let optimizer: Optimizer = parsed(optimizer)?;
        let elrs = self.0.elrs_for(&optimizer).map_err(refuse)?;
        Ok(PyArray1::from_iter(py, elrs.iter().map(|elr| elr.get())))
    }

    fn __len__(&self) -> usize {
        self.0.snapshot.layers.len()
    }
}
