//! What to run: as asked for ([`RawSpec`]), and checked ([`RunSpec`]).

use evenkeel::control::{ControlError, Controls};
use evenkeel::optimizer::{Optimizer, OptimizerError};
use evenkeel::quantity::{LearningRate, QuantityError};
use evenkeel::schedule::{Schedule, ScheduleError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dataset::{self, DataError, Dataset};
use crate::model;

/// What was asked for, not checked yet. Written to `run.toml` as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSpec {
    /// Name of the model.
    pub model: String,
    /// Depth, as the model counts it.
    pub depth: usize,
    /// Width of the hidden layers.
    pub width: usize,
    /// Name of the data set.
    pub data: String,
    /// Rows in a batch.
    pub batch_size: usize,
    /// Learning rate to aim at.
    pub lr: f64,
    /// Control of the effective learning rates.
    pub control: String,
    /// Optimiser, as the theory crate writes it.
    #[serde(default = "sgd")]
    pub optimizer: String,
    /// Shape of the learning rate over steps, as the theory crate writes it.
    #[serde(default = "constant")]
    pub schedule: String,
    /// Batches whose gradients are averaged for one step.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// The norm of all gradients together to which larger ones are shrunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Evaluations without a better test loss after which the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Number of steps.
    pub steps: usize,
    /// Steps between evaluations.
    pub eval_every: usize,
    /// Seed of weights and batches.
    pub seed: u64,
}

fn sgd() -> String {
    "sgd".to_owned()
}

fn constant() -> String {
    "constant".to_owned()
}

fn one() -> usize {
    1
}

/// A checked specification with its data.
#[derive(Debug)]
pub struct RunSpec {
    /// What was asked for.
    pub raw: RawSpec,
    /// The model's row in the table.
    pub model: &'static model::Entry,
    /// The model's shape.
    pub shape: model::Shape,
    /// The data.
    pub data: Dataset,
    /// The rate that the schedule asks for at each step.
    pub schedule: Schedule,
    /// The optimiser, as the theory knows it.
    pub optimizer: Optimizer,
    /// The controls.
    pub controls: Controls,
}

/// What was asked for is not permitted.
#[derive(Debug, Error)]
pub enum SpecError {
    /// A name that no table knows.
    #[error("unknown {kind} `{given}`; permitted: {permitted}")]
    Unknown {
        /// What kind of name.
        kind: &'static str,
        /// What was given.
        given: String,
        /// The names that exist.
        permitted: String,
    },
    /// A count out of range.
    #[error("{option} is {given}, but must be from {min} to {max}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// What was given.
        given: usize,
        /// The least permitted.
        min: usize,
        /// The most permitted.
        max: usize,
    },
    /// A control that was asked for twice.
    #[error(
        "control `{control}` was asked for twice; each gets a folder of its own, so name it once"
    )]
    Repeated {
        /// The control, as its folder.
        control: String,
    },
    /// A control that cannot be read.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// An optimiser that cannot be read.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// A schedule that cannot be read.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A norm to clip at that is none.
    #[error("--clip-norm is {given}, but must be above 0 and finite; give a norm such as 1")]
    ClipNorm {
        /// What was given.
        given: f64,
    },
    /// A learning rate that is none.
    #[error("--lr: {0}")]
    Lr(#[from] QuantityError),
    /// The data set cannot be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Bounds that keep a typing error from filling the memory: each is far above what a CPU can train.
const MAX_DEPTH: usize = 10_000;
const MAX_WIDTH: usize = 16_384;
const MAX_STEPS: usize = 100_000_000;
const MAX_ACCUMULATE: usize = 1_000_000;

impl RawSpec {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`SpecError`] names the option, the value and what is permitted.
    pub fn check(self) -> Result<RunSpec, SpecError> {
        let model = model::find(&self.model).ok_or_else(|| SpecError::Unknown {
            kind: "model",
            given: self.model.clone(),
            permitted: names(model::ALL.iter().map(|entry| entry.name)),
        })?;
        let data = dataset::find(&self.data).ok_or_else(|| SpecError::Unknown {
            kind: "data set",
            given: self.data.clone(),
            permitted: names(dataset::ALL.iter().map(|entry| entry.name)),
        })?;
        in_range("--depth", self.depth, 1, MAX_DEPTH)?;
        in_range("--width", self.width, 1, MAX_WIDTH)?;
        in_range("--steps", self.steps, 1, MAX_STEPS)?;
        in_range("--eval-every", self.eval_every, 1, MAX_STEPS)?;
        in_range("--accumulate", self.accumulate, 1, MAX_ACCUMULATE)?;
        in_range("--patience", self.patience.unwrap_or(1), 1, MAX_STEPS)?;
        if let Some(given) = self
            .clip_norm
            .filter(|norm| !(*norm > 0.0 && norm.is_finite()))
        {
            return Err(SpecError::ClipNorm { given });
        }
        let lr = LearningRate::new(self.lr)?;
        let schedule = Schedule::new(self.schedule.parse()?, lr, self.steps);
        let optimizer = self.optimizer.parse()?;
        let controls = self.control.parse()?;
        let data = (data.load)()?;
        // A batch of one has no variance: batch normalization would divide by nothing.
        in_range("--batch-size", self.batch_size, 2, data.train.len())?;
        Ok(RunSpec {
            shape: model::Shape {
                depth: self.depth,
                width: self.width,
                example: data.example,
                classes: data.classes,
            },
            raw: self,
            model,
            data,
            schedule,
            optimizer,
            controls,
        })
    }
}

fn in_range(option: &'static str, given: usize, min: usize, max: usize) -> Result<(), SpecError> {
    if (min..=max).contains(&given) {
        Ok(())
    } else {
        Err(SpecError::OutOfRange {
            option,
            given,
            min,
            max,
        })
    }
}

/// Names of a table, for messages.
pub(crate) fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(", ")
}
