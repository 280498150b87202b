//! What a call of `train` was asked for: the runs of a comparison, kept beside them, so that it can
//! be resumed without saying it again.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::run_folder::write_atomically;
use crate::spec::RawSpec;

const FILE: &str = "train.toml";

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    run: Vec<RawSpec>,
}

/// Writes down what the runs in `folder` are to be, beside those of earlier calls under other
/// controls.
///
/// # Errors
/// [`LabError::Malformed`] when what is there cannot be read, or [`LabError::Io`].
pub fn save(folder: &Path, runs: &[RawSpec]) -> Result<(), LabError> {
    let path = folder.join(FILE);
    let mut all = load(folder)?.unwrap_or_default();
    all.retain(|earlier| runs.iter().all(|run| run.control != earlier.control));
    all.extend_from_slice(runs);
    let comparison = Comparison { run: all };
    let text = toml::to_string(&comparison).map_err(LabError::malformed(&path))?;
    std::fs::create_dir_all(folder).map_err(LabError::io(folder))?;
    write_atomically(&path, text.as_bytes())
}

/// What the runs in `folder` are to be; `None` when nothing was written down.
///
/// # Errors
/// [`LabError::Malformed`] or [`LabError::Io`].
pub fn load(folder: &Path) -> Result<Option<Vec<RawSpec>>, LabError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(LabError::io(&path))?;
    let comparison: Comparison = toml::from_str(&text).map_err(LabError::malformed(&path))?;
    Ok(Some(comparison.run))
}
