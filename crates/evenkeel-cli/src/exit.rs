//! Exit codes.

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
    /// The exit of an error: what the laboratory says, otherwise a matter of files.
    pub fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<LabError>().map(LabError::exit_code) {
            Some(2) => Self::Usage,
            _ => Self::File,
        }
    }
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
