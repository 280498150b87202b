//! Exit codes, and which error leads to which.

use std::fmt;
use std::process::ExitCode;

use evenkeel_claims::error::ClaimsError;
use evenkeel_report::error::ReportError;
use evenkeel_runs::error::RunsError;
use evenkeel_train::error::{SpecError, TrainError};

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    Usage,
    File,
    Diverged,
    Interrupted,
}

impl Exit {
    /// The exit of an error: usage for what was asked, otherwise a matter of data and files.
    pub fn of(error: &anyhow::Error) -> Self {
        let is_usage = if let Some(error) = error.downcast_ref::<ClaimsError>() {
            of_claims(error)
        } else if let Some(error) = error.downcast_ref::<TrainError>() {
            of_train(error)
        } else if let Some(error) = error.downcast_ref::<SpecError>() {
            of_spec(error)
        } else if let Some(error) = error.downcast_ref::<ReportError>() {
            of_report(error)
        } else if let Some(error) = error.downcast_ref::<RunsError>() {
            of_runs(error)
        } else {
            error.is::<Usage>()
        };
        match is_usage {
            true => Self::Usage,
            false => Self::File,
        }
    }
}

fn of_claims(error: &ClaimsError) -> bool {
    match error {
        ClaimsError::Train(error) => of_train(error),
        ClaimsError::Report(error) => of_report(error),
        ClaimsError::Runs(error) => of_runs(error),
        ClaimsError::NoPages { .. } => false,
    }
}

fn of_train(error: &TrainError) -> bool {
    match error {
        TrainError::Spec(error) => of_spec(error),
        TrainError::Runs(error) => of_runs(error),
        TrainError::Grid(_)
        | TrainError::Probe(_)
        | TrainError::NothingToControl { .. }
        | TrainError::NoDoubles { .. }
        | TrainError::NoAngle { .. }
        | TrainError::Steer(_) => true,
        _ => false,
    }
}

fn of_spec(error: &SpecError) -> bool {
    match error {
        SpecError::Data(error) => error.is_usage(),
        SpecError::Device(error) => error.is_usage(),
        SpecError::Weights(_) => false,
        _ => true,
    }
}

fn of_report(error: &ReportError) -> bool {
    match error {
        ReportError::Runs(error) => of_runs(error),
        ReportError::UnknownFormat { .. } => true,
        ReportError::Figure { .. } => false,
    }
}

fn of_runs(error: &RunsError) -> bool {
    matches!(
        error,
        RunsError::FolderTaken { .. }
            | RunsError::OtherRun { .. }
            | RunsError::Filter(_)
            | RunsError::UnknownFormat { .. }
    )
}

/// An error in what was asked for.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Marks an error as one in what was asked for.
pub fn usage(error: impl fmt::Display) -> anyhow::Error {
    Usage(error.to_string()).into()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Usage => 2,
            Exit::File => 3,
            Exit::Diverged => 4,
            Exit::Interrupted => 130,
        })
    }
}
