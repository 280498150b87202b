//! Errors of run folders.

pub(crate) mod filter;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use filter::FilterError;

/// An error of run folders.
#[derive(Debug, Error)]
pub enum RunsError {
    /// A run folder is in the way.
    #[error("{} already holds a run", path.display())]
    FolderTaken {
        /// The folder.
        path: PathBuf,
    },
    /// The run that is there is not the one asked for.
    #[error("{} has `{there}` where you ask for `{here}`", path.display())]
    OtherRun {
        /// `run.toml`.
        path: PathBuf,
        /// The line that differs.
        there: String,
        /// The line that was requested.
        here: String,
    },
    /// The data of a run are no longer those that it began with.
    #[error(
        "the data `{data}` have changed since the run began: their SHA-256 is {here}, but {there} in {}",
        path.display()
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
    /// Another process is writing.
    #[error("{} is being written by another process", path.display())]
    FolderLocked {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to read.
    #[error("{} holds no run: expected run.toml in it or in its folders", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A file of a run cannot be understood.
    #[error("{}{}: {problem}", path.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// The problem.
        problem: String,
    },
    /// A file format that no table knows.
    #[error("unknown format `{given}`; permitted: {permitted}")]
    UnknownFormat {
        /// The value given.
        given: String,
        /// The formats that exist.
        permitted: String,
    },
    /// A filter or an order of runs cannot be read.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The index of runs cannot be used.
    #[error("the index of runs: {0}")]
    Index(#[from] rusqlite::Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl RunsError {
    /// Attaches the path to an I/O error.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Says that a file cannot be understood as a whole.
    pub fn malformed<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |error| Self::Malformed {
            path,
            line: None,
            problem: error.to_string(),
        }
    }
}
