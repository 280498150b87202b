//! Errors of reports.

use evenkeel_runs::error::RunsError;
use thiserror::Error;

/// An error of reports.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A run's folder cannot be used, or a file cannot be written.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// A format that no table knows.
    #[error("unknown format `{given}`; permitted: {permitted}")]
    UnknownFormat {
        /// The value given.
        given: String,
        /// The formats that are permitted.
        permitted: String,
    },
    /// A figure cannot be drawn.
    #[error("figure `{figure}` cannot be drawn: {problem}")]
    Figure {
        /// The figure's name.
        figure: String,
        /// The problem.
        problem: String,
    },
}
