//! Errors of training.

mod grid;
mod spec;

use std::path::{Path, PathBuf};

use evenkeel_burn::controller::StepError;
use evenkeel_burn::probe::ProbeError;
use evenkeel_nn::choice::names;
use evenkeel_nn::interchange::weights_error::WeightsError;
use evenkeel_runs::error::RunsError;
use thiserror::Error;

pub use grid::GridError;
pub(crate) use grid::MOST_RUNS;
pub use spec::SpecError;

/// An error of training.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A setting is not permitted.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A run's folder cannot be used.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// The network cannot be measured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The network has nothing to control.
    #[error(
        "control `{control}` goes by the ELRs of scale-invariant weights, and none of the network's \
         {parameters} parameters is one: use control none or linear:STEPS, or a model or norm with \
         normalizations behind its weights"
    )]
    NothingToControl {
        /// The control.
        control: String,
        /// How many parameters were looked at.
        parameters: usize,
    },
    /// An angle gives no rate.
    #[error("`lr` angle:{angle}: {why}")]
    NoAngle {
        /// The angle that was given, in radians.
        angle: f64,
        /// The problem, and what to do.
        why: &'static str,
    },
    /// The device has no 64-bit floats.
    #[error("{device} computes in 32-bit floats only, and snapshots are in 64")]
    NoDoubles {
        /// The device.
        device: String,
    },
    /// The network cannot be controlled.
    #[error(transparent)]
    Steer(#[from] StepError),
    /// The system starts no more threads, or the vector instructions asked for are unknown.
    #[error("cannot start the kernels: {0}")]
    Threads(#[source] std::io::Error),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// One run is needed, and there are several.
    #[error("{} is of several runs; give one of its runs: {}", path.display(), names(runs.iter()))]
    SeveralRuns {
        /// The folder.
        path: PathBuf,
        /// The folders of the runs.
        runs: Vec<String>,
    },
    /// A checkpoint cannot be used.
    #[error("{}: {problem}{}", path.display(), newest(good.as_deref()))]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
        /// The newest one that can be used.
        good: Option<PathBuf>,
    },
    /// A run has not the checkpoint asked for.
    #[error("{} has no checkpoint {which}; there are: {}", path.display(), listed(there))]
    NoCheckpoint {
        /// The folder of the checkpoints.
        path: PathBuf,
        /// Which, in words.
        which: String,
        /// The steps of those there.
        there: Vec<usize>,
    },
    /// A grid cannot be read.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A run of a sweep ended in a panic, which is an error of the program.
    #[error("{run}: the program failed: {what}; please report it with the run's run.toml")]
    Panicked {
        /// The run.
        run: String,
        /// The message of the panic.
        what: String,
    },
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        Self::Spec(error.into())
    }
}

/// Steps for messages.
fn listed(steps: &[usize]) -> String {
    match steps {
        [] => "none".to_owned(),
        _ => names(steps.iter().map(usize::to_string)),
    }
}

/// What to do about a checkpoint that cannot be used.
fn newest(good: Option<&Path>) -> String {
    match good {
        Some(path) => format!(
            "; the newest one that can be used is {}: move the other away to continue from there",
            path.display()
        ),
        None => "; no checkpoint can be used".to_owned(),
    }
}
