//! A run on disk: what is in its files, how they are written and how they are read back.
//!
//! | file | what |
//! |---|---|
//! | `run.toml` | everything resolved: [`Header`] |
//! | `steps.jsonl` | a [`StepLine`] a step |
//! | `layers.jsonl` | a [`LayerLine`] a step, arrays in the header's layer order |
//! | `units.jsonl` | a [`UnitLine`] a step, under `--granularity unit` |
//! | `evals.jsonl` | an [`EvalLine`] an evaluation |
//! | `timing.jsonl` | a [`TimingLine`] a step: all that differs between identical runs |
//! | `checkpoints/` | all that a run is between two steps: [`Checkpoint`](crate::checkpoint::Checkpoint) |
//! | `tensorboard/` | the same as events, where asked for: [`tensorboard`](crate::tensorboard) |
//! | `outcome.json` | how the run ended: [`Outcome`]; absent while it runs or when it was killed |

mod reader;
mod writer;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::spec::RawSpec;

pub use reader::{Run, find_runs, is_run};
pub use writer::{Lengths, Lock, RunWriter, refuse_taken, write_atomically, write_atomically_with};

pub(crate) const HEADER: &str = "run.toml";
pub(crate) const STEPS: &str = "steps.jsonl";
pub(crate) const LAYERS: &str = "layers.jsonl";
const UNITS: &str = "units.jsonl";
pub(crate) const EVALS: &str = "evals.jsonl";
const TIMING: &str = "timing.jsonl";
pub(crate) const OUTCOME: &str = "outcome.json";
const LOCK: &str = ".lock";
/// The line of `run.toml` with the hash of the data.
const DATA_KEY: &str = "data_sha256";
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// Where the header of the run in `folder` is.
pub(crate) fn header_file(folder: &Path) -> PathBuf {
    folder.join(HEADER)
}

/// `run.toml`: everything that determines the run, and what the probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of evenkeel.
    pub evenkeel: String,
    /// Version of Burn.
    pub burn: String,
    /// The device that computed.
    pub device: String,
    /// SHA-256 of the data as training sees them; absent from runs older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// What was asked for.
    pub spec: RawSpec,
    /// The scale-invariant layers, in the order of all arrays.
    pub layers: Vec<LayerHeader>,
    /// The other parameters: reported here, left out of the spread.
    pub others: Vec<OtherHeader>,
}

impl Header {
    /// As this program would have written it when the run of `earlier` began: without a hash of the
    /// data if there was none then.
    pub fn as_of(self, earlier: &Self) -> Self {
        Self {
            data_sha256: earlier.data_sha256.as_ref().and(self.data_sha256),
            ..self
        }
    }

    /// Refuses to go on as `asked` with the run in `folder`, which this describes, if that is another,
    /// or if its data have changed.
    ///
    /// # Errors
    /// [`LabError::OtherRun`] names the first difference, [`LabError::OtherData`] the hashes.
    pub fn refuse_other(&self, asked: &Self, folder: &Path) -> Result<(), LabError> {
        // First what was asked for, then the data: the rest was measured on them.
        if self.spec == asked.spec {
            self.refuse_other_data(asked, folder)?;
        }
        let (there, here) = (self.to_toml(folder)?, asked.to_toml(folder)?);
        let told = |line: &str| !line.starts_with(DATA_KEY);
        let differs = there
            .lines()
            .zip(here.lines())
            .filter(|(there, here)| told(there) || told(here))
            .find(|(there, here)| there != here);
        match differs {
            None if there == here => Ok(()),
            _ => Err(LabError::OtherRun {
                path: folder.join(HEADER),
                there: differs.map_or("more lines", |lines| lines.0).to_owned(),
                here: differs.map_or("other lines", |lines| lines.1).to_owned(),
            }),
        }
    }

    fn refuse_other_data(&self, asked: &Self, folder: &Path) -> Result<(), LabError> {
        match (&self.data_sha256, &asked.data_sha256) {
            (Some(there), Some(here)) if there != here => Err(LabError::OtherData {
                path: folder.join(HEADER),
                data: self.spec.data.clone(),
                there: there.clone(),
                here: here.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The text of `run.toml` in `folder`.
    ///
    /// # Errors
    /// [`LabError::Malformed`] should it hold what TOML cannot.
    pub fn to_toml(&self, folder: &Path) -> Result<String, LabError> {
        toml::to_string(self).map_err(LabError::malformed(&folder.join(HEADER)))
    }
}

/// A scale-invariant layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerHeader {
    /// Module path of the weight.
    pub name: String,
    /// Shape of the weight.
    pub shape: Vec<usize>,
    /// Its units, where they were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitHeader>,
}

/// The units of a layer: slices that are scale-invariant by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitHeader {
    /// The axis of the weight along which it is sliced.
    pub axis: usize,
    /// How many units there are.
    pub count: usize,
}

/// A parameter that does not count in the spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherHeader {
    /// Module path.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Why it does not count.
    pub role: String,
    /// `‖W‖` at step 0, where it got a gradient.
    pub weight_norm: Option<f64>,
    /// `‖∇W‖` at step 0.
    pub grad_norm: Option<f64>,
    /// `cos(W, ∇W)` at step 0.
    pub cosine: Option<f64>,
}

/// A line of `steps.jsonl`. Spreads are in natural logarithms, `null` when no layer is alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepLine {
    /// The step, from 0.
    pub step: usize,
    /// Training loss of the batch, before the update.
    pub loss: f64,
    /// Learning rate of the update.
    pub lr: f64,
    /// The rate that the schedule asked for.
    pub target_lr: f64,
    /// Critical rate at the acting ELRs, by the control's policy.
    pub critical_lr: Option<f64>,
    /// Standard deviation of log ELRs as they act in this step.
    pub spread_std: Option<f64>,
    /// Range of log ELRs as they act in this step.
    pub spread_range: Option<f64>,
    /// The same in the weights as they stood, before the control acted.
    pub raw_spread_std: Option<f64>,
    /// The same in the weights as they stood, before the control acted.
    pub raw_spread_range: Option<f64>,
    /// The range that this batch found under the multipliers of the step before: what one step
    /// undid of the equality that `hold` had made. Equal to the raw range without it.
    pub drift_spread_range: Option<f64>,
}

/// A line of `layers.jsonl`, rounded to eight significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerLine {
    /// The step, from 0.
    pub step: usize,
    /// `‖W‖` before the control acted.
    pub weight_norm: Vec<f64>,
    /// `‖∇W‖` before the control acted.
    pub grad_norm: Vec<f64>,
    /// `cos(W, ∇W)`.
    pub cosine: Vec<f64>,
    /// The ELR as it acts in this step; 0 for a layer without gradient.
    pub elr: Vec<f64>,
    /// λ_l/λ, under `hold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr_multiplier: Option<Vec<f64>>,
    /// The factors by which weights were rescaled before this step, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescale_factor: Option<Vec<f64>>,
}

/// How many quantiles of a layer's units are kept: smallest, quartiles and largest.
pub const QUANTILES: usize = 5;

/// A line of `units.jsonl`: the ELRs within each layer, as they act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitLine {
    /// The step, from 0.
    pub step: usize,
    /// How many units of each layer got a gradient.
    pub alive: Vec<usize>,
    /// Quantiles of their ELRs, for each layer, to four digits; zeros where none is alive.
    pub elr: Vec<[f64; QUANTILES]>,
}

/// A line of `evals.jsonl`: BN statistics re-estimated on the training set. A loss is `null` where
/// it is not finite, as a network can be that still trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalLine {
    /// Updates done before.
    pub step: usize,
    /// Mean cross-entropy over the training set.
    pub train_loss: Option<f64>,
    /// Share of training rows classified correctly.
    pub train_accuracy: f64,
    /// Mean cross-entropy over the test set.
    pub test_loss: Option<f64>,
    /// Share of test rows classified correctly.
    pub test_accuracy: f64,
}

/// A line of `timing.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingLine {
    /// The step, from 0.
    pub step: usize,
    /// Wall-clock seconds of the step.
    pub seconds: f64,
}

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
