//! What a call of `train` was asked for: the runs of a comparison, kept beside them, so that it can
//! be resumed without saying it again.

use std::path::Path;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::file::write_atomically;
use evenkeel_runs::settings::RunSettings;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

const FILE: &str = "train.toml";

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    run: Vec<RunSettings>,
}

/// Writes down what the runs in `folder` are to be, beside those of earlier calls under other
/// controls.
///
/// # Errors
/// [`RunsError::Malformed`] when what is there cannot be read, or [`RunsError::Io`].
pub fn save(folder: &Path, runs: &[RunSettings]) -> Result<(), TrainError> {
    let path = folder.join(FILE);
    let mut all = load(folder)?.unwrap_or_default();
    all.retain(|earlier| runs.iter().all(|run| run.control != earlier.control));
    all.extend_from_slice(runs);
    let comparison = Comparison { run: all };
    let text = toml::to_string(&comparison).map_err(RunsError::malformed(&path))?;
    std::fs::create_dir_all(folder).map_err(RunsError::io(folder))?;
    Ok(write_atomically(&path, text.as_bytes())?)
}

/// What the runs in `folder` are to be; `None` when nothing was written down.
///
/// # Errors
/// [`RunsError::Malformed`] or [`RunsError::Io`].
pub fn load(folder: &Path) -> Result<Option<Vec<RunSettings>>, TrainError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(RunsError::io(&path))?;
    let comparison: Comparison = toml::from_str(&text).map_err(RunsError::malformed(&path))?;
    Ok(Some(comparison.run))
}
