//! Why data cannot be used.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Data that cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// The argument of a data set cannot be read.
    #[error("data set `{name}:{given}`: {problem}")]
    Argument {
        /// The data set.
        name: &'static str,
        /// The argument.
        given: String,
        /// The problem.
        problem: String,
    },
    /// The compressed file is damaged.
    #[error("data set `{name}` cannot be unpacked: {source}")]
    Unpack {
        /// The data set.
        name: &'static str,
        /// The problem.
        source: std::io::Error,
    },
    /// A row has something else than numbers in range.
    #[error("data set `{name}`, row {row}: {problem}")]
    Row {
        /// The data set.
        name: &'static str,
        /// The row, counted from 1.
        row: usize,
        /// The problem.
        problem: String,
    },
    /// A file holds something else than it should.
    #[error("{}, byte {offset}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, counted from 0; in a compressed file, in what it unpacks to.
        offset: u64,
        /// The problem.
        problem: String,
    },
    /// A file or folder that is of no use.
    #[error("{}: {problem}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// An official file is not there.
    #[error(
        "data set `{name}` is not on this machine: {} is missing",
        path.display()
    )]
    Missing {
        /// The data set.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file is not the official one.
    #[error("{}: {problem}", path.display())]
    Unverified {
        /// The file.
        path: PathBuf,
        /// The difference.
        problem: String,
    },
    /// No place has sent the file.
    #[error("{problems}\nwhat has arrived is kept: try again")]
    Download {
        /// The places asked and their answers, one a line.
        problems: String,
    },
    /// Another process is writing.
    #[error("{} is being written by another process; wait for it", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// There is no place for official files.
    #[error("there is no home folder to keep data in; name a folder in EVENKEEL_DATA")]
    Homeless,
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl DataError {
    /// Attaches the path to an I/O error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Whether the error is in the request, not in a file.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Argument { .. })
    }
}
