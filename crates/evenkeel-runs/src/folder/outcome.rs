//! `outcome.json`: how a run ended.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::OUTCOME;
use crate::error::RunsError;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All steps were done.
    Completed,
    /// The test loss had stopped falling.
    Stopped {
        /// Updates done.
        step: usize,
    },
    /// The user stopped it.
    Interrupted {
        /// Updates done.
        step: usize,
    },
    /// A loss or gradient was not finite.
    Diverged {
        /// The step in which it was noticed.
        step: usize,
        /// The layer where it began.
        layer: String,
        /// What was not finite.
        what: String,
    },
}

impl Outcome {
    /// Reads how the run in `folder` ended; `None` when it did not, or was killed.
    ///
    /// # Errors
    /// [`RunsError::Io`], or [`RunsError::Malformed`].
    pub fn load(folder: &Path) -> Result<Option<Self>, RunsError> {
        let path = folder.join(OUTCOME);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(RunsError::io(&path))?;
        let outcome = serde_json::from_str(&text).map_err(|error| RunsError::Malformed {
            path,
            line: Some(1),
            problem: error.to_string(),
        });
        Ok(Some(outcome?))
    }
}
