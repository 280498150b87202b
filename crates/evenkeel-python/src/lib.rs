//! The theory of evenkeel as the Python module `evenkeel._theory`.
//!
//! Only what crosses the border is here: numbers are checked, the theory crate computes with the
//! interpreter's lock released, and every error becomes a `ValueError` with the theory's own words.
//! What users see is `python/evenkeel`.

mod controller;
mod controls;
mod diagnosis;
mod error;
mod forecast;
mod input;
mod log;
mod network;
mod phase;
mod plan;
mod snapshot;
mod symmetry;

use pyo3::prelude::*;

/// The theory of evenkeel, computed in Rust.
#[pymodule]
mod _theory {
    #[pymodule_export]
    use crate::controller::{Controller, Layers};
    #[pymodule_export]
    use crate::controls::{Controls, StepContext};
    #[pymodule_export]
    use crate::diagnosis::advise;
    #[pymodule_export]
    use crate::error::ElrError;
    #[pymodule_export]
    use crate::forecast::{Forecast, forecast};
    #[pymodule_export]
    use crate::log::read_log;
    #[pymodule_export]
    use crate::network::{Spread, advance, critical_lr, critical_lrs, policies, spread};
    #[pymodule_export]
    use crate::phase::{Phase, phase};
    #[pymodule_export]
    use crate::plan::{Plan, rescale_factors};
    #[pymodule_export]
    use crate::snapshot::Snapshot;
    #[pymodule_export]
    use crate::symmetry::{SymmetryObservations, equalise_along};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
