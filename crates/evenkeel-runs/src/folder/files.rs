//! The names of a run's files.

use std::path::{Path, PathBuf};

/// What determines the run.
pub const HEADER: &str = "run.toml";
/// A line a step.
pub const STEPS: &str = "steps.jsonl";
/// A line a step, with arrays over layers.
pub const LAYERS: &str = "layers.jsonl";
/// A line a step, with quantiles of units.
pub const UNITS: &str = "units.jsonl";
/// A line an evaluation.
pub const EVALS: &str = "evals.jsonl";
/// A line a step, with its wall-clock time.
pub const TIMING: &str = "timing.jsonl";
/// How the run ended.
pub const OUTCOME: &str = "outcome.json";
/// The folder of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
pub(crate) const LOCK: &str = ".lock";

/// Where the header of the run in `folder` is.
pub fn header_file(folder: &Path) -> PathBuf {
    folder.join(HEADER)
}
