//! Errors of claims.

use std::path::PathBuf;

use evenkeel_report::error::ReportError;
use evenkeel_runs::error::RunsError;
use evenkeel_train::error::TrainError;
use thiserror::Error;

/// An error of claims.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// A run's folder cannot be used, or a file cannot be written.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// A run cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A figure cannot be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is no page of a claim.
    #[error("{} holds no page of a claim", path.display())]
    NoPages {
        /// The folder.
        path: PathBuf,
    },
}
