//! Everything that can go wrong in the laboratory, and the exit code it leads to.

use std::path::{Path, PathBuf};

use evenkeel_burn::controller::SteerError;
use evenkeel_burn::probe::ProbeError;
use thiserror::Error;

use crate::checkpoint::Which;
use crate::dataset::DataError;
use crate::run_index::filter::FilterError;
use crate::spec::{SpecError, names};
use crate::sweep::grid::GridError;

/// An error of the laboratory.
#[derive(Debug, Error)]
pub enum LabError {
    /// What was asked for is not permitted.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be measured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The network has nothing to control.
    #[error(
        "control `{control}` goes by the ELRs of scale-invariant weights, and none of the network's \
         {parameters} parameters is one: use --control none or linear:STEPS, or a --norm or --model \
         with normalizations behind its weights"
    )]
    NothingToControl {
        /// The control.
        control: String,
        /// How many parameters were looked at.
        parameters: usize,
    },
    /// A turn gives no rate.
    #[error("--lr turn:{tangent}: {why}")]
    NoTurn {
        /// The tangent that was given.
        tangent: f64,
        /// What is in the way, and what to do.
        why: &'static str,
    },
    /// The device has no 64-bit floats.
    #[error(
        "{device} computes in 32-bit floats only, and snapshots are in 64: add --single, or take --device cpu"
    )]
    NoDoubles {
        /// The device.
        device: String,
    },
    /// The network cannot be controlled.
    #[error(transparent)]
    Steer(#[from] SteerError),
    /// The system starts no more threads, or nobody knows the vectors that are asked for.
    #[error("cannot start the kernels: {0} (fewer threads: --threads)")]
    Threads(std::io::Error),
    /// A run folder is in the way.
    #[error("{} already holds a run; choose another --out, or replace it with --overwrite", path.display())]
    FolderTaken {
        /// The folder.
        path: PathBuf,
    },
    /// The run that is there is not the one asked for.
    #[error(
        "{} has `{there}` where you ask for `{here}`; give the options that the run began with, or choose \
         another --out", path.display()
    )]
    OtherRun {
        /// `run.toml`.
        path: PathBuf,
        /// The line that differs.
        there: String,
        /// What it would be.
        here: String,
    },
    /// The data of a run are no longer those that it began with.
    #[error(
        "the data `{data}` have changed since the run began: their SHA-256 is {here}, but {there} in {}; put \
         them back as they were, or start again with --overwrite or another --out", path.display()
    )]
    OtherData {
        /// `run.toml`.
        path: PathBuf,
        /// The data set.
        data: String,
        /// The hash that the run began with.
        there: String,
        /// The hash of what is there now.
        here: String,
    },
    /// Somebody else is writing.
    #[error("{} is being written by another process; wait for it or choose another --out", path.display())]
    FolderLocked {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to read.
    #[error("{} holds no run: expected run.toml in it or in its folders; give the --out of a `train`", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// There is no page of a claim.
    #[error("{} holds no page of a claim: give a folder that `evenkeel reproduce` wrote pages into", path.display())]
    NoPages {
        /// The folder.
        path: PathBuf,
    },
    /// One run is needed, and there are several.
    #[error("{} is of several runs; give one of its runs: {}", path.display(), names(runs.iter()))]
    SeveralRuns {
        /// The folder.
        path: PathBuf,
        /// The folders of the runs.
        runs: Vec<String>,
    },
    /// A file of a run cannot be understood.
    #[error("{}{}: {problem}", path.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// A filter or an order of runs cannot be read.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The index of runs cannot be used.
    #[error("the index of runs: {0}")]
    Index(#[from] rusqlite::Error),
    /// A checkpoint cannot be used.
    #[error("{}: {problem}; {}", path.display(), advice(good.as_deref()))]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The newest one that can be used.
        good: Option<PathBuf>,
    },
    /// A run has not the checkpoint asked for.
    #[error("{} has no checkpoint {which}; there are: {}", path.display(), listed(there))]
    NoCheckpoint {
        /// The folder of the checkpoints.
        path: PathBuf,
        /// Which.
        which: Which,
        /// The steps of those there.
        there: Vec<usize>,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A grid cannot be read.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A run of a sweep ended in a panic, which is an error of the program.
    #[error("{run}: the program failed: {what}; please report it with the run's run.toml")]
    Panicked {
        /// The run.
        run: String,
        /// What the panic said.
        what: String,
    },
    /// A figure cannot be drawn.
    #[error("figure `{figure}` cannot be drawn: {problem}")]
    Figure {
        /// The figure's name.
        figure: String,
        /// What went wrong.
        problem: String,
    },
}

/// Steps for messages.
fn listed(steps: &[usize]) -> String {
    match steps {
        [] => "none; `train` writes them every --checkpoint-every steps".to_owned(),
        _ => names(steps.iter().map(usize::to_string)),
    }
}

/// What to do about a checkpoint that cannot be used.
fn advice(good: Option<&Path>) -> String {
    match good {
        Some(path) => format!(
            "the newest one that can be used is {}: move the other away to continue from there",
            path.display()
        ),
        None => "no checkpoint can be used: start again with --overwrite".to_owned(),
    }
}

impl LabError {
    /// Attaches the path to an I/O error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// A file, or what was to become one, that cannot be understood as a whole.
    pub(crate) fn malformed<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |error| Self::Malformed {
            path,
            line: None,
            problem: error.to_string(),
        }
    }

    /// The exit code of the program: 2 for what was asked, 3 for data and files.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Data(error) | Self::Spec(SpecError::Data(error)) if !error.is_usage() => 3,
            Self::Spec(SpecError::Device(error)) if !error.is_usage() => 3,
            Self::Spec(SpecError::Weights(_)) => 3,
            Self::Data(_)
            | Self::Spec(_)
            | Self::FolderTaken { .. }
            | Self::OtherRun { .. }
            | Self::Filter(_)
            | Self::Grid(_)
            | Self::Probe(_)
            | Self::NothingToControl { .. }
            | Self::NoDoubles { .. }
            | Self::NoTurn { .. }
            | Self::Steer(_) => 2,
            _ => 3,
        }
    }
}
