//! Logs of any tracker, read by the same reader as the program's.

use std::path::PathBuf;

use evenkeel_snapshot::{LogOptions, read_log as read};
use pyo3::prelude::*;

use crate::error::refuse;
use crate::snapshot::Snapshot;

/// Reads one step's norms from the files and folders of a log.
#[pyfunction]
#[pyo3(signature = (paths, step, run, skip, only, weight, gradient, update))]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub fn read_log(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    step: Option<u64>,
    run: Option<String>,
    skip: Vec<String>,
    only: Vec<String>,
    weight: Option<String>,
    gradient: Option<String>,
    update: Option<String>,
) -> PyResult<Snapshot> {
    let options = LogOptions {
        step,
        run,
        skip,
        only,
        weight,
        gradient,
        update,
        ..LogOptions::default()
    };
    py.detach(|| read(&paths, &options))
        .map(Snapshot)
        .map_err(refuse)
}
