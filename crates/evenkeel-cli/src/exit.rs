//! Exit codes.

use std::fmt;
use std::process::ExitCode;

use evenkeel_lab::error::LabError;

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
    /// The exit of an error: usage where it was marked as such or the laboratory says so, otherwise
    /// a matter of data and files.
    pub fn of(error: &anyhow::Error) -> Self {
        let lab = error.downcast_ref::<LabError>().map(LabError::exit_code);
        match lab {
            Some(2) => Self::Usage,
            None if error.is::<Usage>() => Self::Usage,
            _ => Self::File,
        }
    }
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
