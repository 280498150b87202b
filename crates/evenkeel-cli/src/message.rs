//! Errors in the words of the command line: settings as flags, and the flag or command that helps.

use evenkeel_claims::error::ClaimsError;
use evenkeel_nn::error::DataError;
use evenkeel_report::error::ReportError;
use evenkeel_runs::error::{FilterError, RunsError};
use evenkeel_train::error::{SpecError, TrainError};

/// The text of any command's error.
pub fn of(error: &anyhow::Error) -> String {
    if let Some(error) = error.downcast_ref::<ClaimsError>() {
        of_claims(error)
    } else if let Some(error) = error.downcast_ref::<TrainError>() {
        of_train(error)
    } else if let Some(error) = error.downcast_ref::<SpecError>() {
        of_spec(error)
    } else if let Some(error) = error.downcast_ref::<ReportError>() {
        of_report(error)
    } else if let Some(error) = error.downcast_ref::<RunsError>() {
        of_runs(error)
    } else if let Some(error) = error.downcast_ref::<DataError>() {
        of_data(error)
    } else {
        error.to_string()
    }
}

fn of_claims(error: &ClaimsError) -> String {
    match error {
        ClaimsError::Train(error) => of_train(error),
        ClaimsError::Report(error) => of_report(error),
        ClaimsError::Runs(error) => of_runs(error),
        ClaimsError::NoPages { .. } => {
            format!("{error}; give a folder that `evenkeel reproduce` wrote pages into")
        }
    }
}

/// The text of an error of training.
pub fn of_train(error: &TrainError) -> String {
    match error {
        TrainError::Spec(error) => of_spec(error),
        TrainError::Runs(error) => of_runs(error),
        TrainError::NoAngle { .. } => with_flag(error.to_string(), "lr"),
        TrainError::NoDoubles { .. } => {
            format!("{error}: add --single, or take --device cpu")
        }
        TrainError::NothingToControl { .. } => {
            format!("{error} (--control, --model, --norm)")
        }
        TrainError::Threads(_) => format!("{error} (fewer threads: --threads)"),
        TrainError::Checkpoint { good: None, .. } => {
            format!("{error}: start again with --overwrite")
        }
        TrainError::NoCheckpoint { there, .. } if there.is_empty() => {
            format!("{error}; `train` writes them every --checkpoint-every steps")
        }
        _ => error.to_string(),
    }
}

fn of_spec(error: &SpecError) -> String {
    match (error, error.field()) {
        (SpecError::Data(error), _) => of_data(error),
        (_, Some(field)) => with_flag(error.to_string(), field),
        (_, None) => error.to_string(),
    }
}

/// The message with its setting as a flag.
fn with_flag(message: String, field: &str) -> String {
    message.replacen(&format!("`{field}`"), &flag(field), 1)
}

/// The flag of a setting.
pub fn flag(field: &str) -> String {
    format!("--{}", field.replace('_', "-"))
}

/// The text of an error of data sets.
pub fn of_data(error: &DataError) -> String {
    match error {
        DataError::Missing { name, .. } => format!(
            "{error}; `evenkeel data get {name}` downloads it, or takes a copy with --from PATH"
        ),
        DataError::Download { .. } => format!("{error}, or take a copy with --from PATH"),
        _ => error.to_string(),
    }
}

/// The text of an error of reports.
pub fn of_report(error: &ReportError) -> String {
    match error {
        ReportError::Runs(error) => of_runs(error),
        _ => error.to_string(),
    }
}

/// The text of an error of run folders.
pub fn of_runs(error: &RunsError) -> String {
    let advice = match error {
        RunsError::FolderTaken { .. } => "; choose another --out, or replace it with --overwrite",
        RunsError::OtherRun { .. } => {
            "; give the options that the run began with, or choose another --out"
        }
        RunsError::OtherData { .. } => {
            "; put them back as they were, or start again with --overwrite or another --out"
        }
        RunsError::FolderLocked { .. } => "; wait for it or choose another --out",
        RunsError::NoRun { .. } => "; give the --out of a `train`",
        RunsError::Filter(FilterError::Direction { .. }) => return format!("--sort: {error}"),
        _ => "",
    };
    format!("{error}{advice}")
}
