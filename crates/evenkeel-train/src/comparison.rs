//! The runs of a comparison, as requested, kept beside them: the comparison can be resumed without
//! its options.

use std::path::Path;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::file::write_atomically;
use evenkeel_runs::settings::RequestedRun;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

const FILE: &str = "train.toml";

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    run: Vec<RequestedRun>,
}

/// Writes down the runs of a comparison in `folder`, beside those of earlier calls under other
/// controls.
///
/// # Errors
/// [`RunsError::Malformed`] when what is there cannot be read, or [`RunsError::Io`].
pub fn save<'a>(
    folder: &Path,
    runs: impl Iterator<Item = &'a RequestedRun>,
) -> Result<(), TrainError> {
    let path = folder.join(FILE);
    let runs: Vec<RequestedRun> = runs.cloned().collect();
    let mut all = load(folder)?.unwrap_or_default();
    all.retain(|earlier| runs.iter().all(|run| run.control != earlier.control));
    all.extend(runs);
    let comparison = Comparison { run: all };
    let text = toml::to_string(&comparison).map_err(RunsError::malformed(&path))?;
    std::fs::create_dir_all(folder).map_err(RunsError::io(folder))?;
    Ok(write_atomically(&path, text.as_bytes())?)
}

/// The runs of the comparison in `folder`; `None` when nothing was written down.
///
/// # Errors
/// [`RunsError::Malformed`] or [`RunsError::Io`].
pub fn load(folder: &Path) -> Result<Option<Vec<RequestedRun>>, TrainError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(RunsError::io(&path))?;
    let comparison: Comparison = toml::from_str(&text).map_err(RunsError::malformed(&path))?;
    Ok(Some(comparison.run))
}
