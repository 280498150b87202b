//! What to run: as asked for ([`RawSpec`]), and checked ([`RunSpec`]).

use std::sync::Arc;

use evenkeel::control::{ControlError, Controls};
use evenkeel::quantity::{LearningRate, QuantityError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::augment::{Augmentation, AugmentationError};
use crate::dataset::{self, DataError, Dataset, Request};
use crate::example::Example;
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
    /// Name of the data set, and a colon and what else it needs.
    pub data: String,
    /// Tokens that make an example, where the data are text.
    pub context: Option<usize>,
    /// What is done to training images.
    pub augment: Option<String>,
    /// Rows in a batch.
    pub batch_size: usize,
    /// Learning rate to aim at.
    pub lr: f64,
    /// Control of the effective learning rates.
    pub control: String,
    /// Number of steps.
    pub steps: usize,
    /// Steps between evaluations.
    pub eval_every: usize,
    /// Seed of weights and batches.
    pub seed: u64,
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
    pub data: Arc<Dataset>,
    /// What is done to training images.
    pub augmentation: Augmentation,
    /// The learning rate to aim at.
    pub lr: LearningRate,
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
    /// A learning rate that is none.
    #[error("--lr: {0}")]
    Lr(#[from] QuantityError),
    /// An option that means nothing here.
    #[error("{option} is for {purpose}, which `{data}` is not")]
    Inapplicable {
        /// The option.
        option: &'static str,
        /// What it is for.
        purpose: &'static str,
        /// What was asked for instead.
        data: String,
    },
    /// An augmentation that cannot be read.
    #[error("--augment: {0}")]
    Augmentation(#[from] AugmentationError),
    /// The data set cannot be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Bounds that keep a typing error from filling the memory: each is far above what a CPU can train.
const MAX_DEPTH: usize = 10_000;
const MAX_WIDTH: usize = 16_384;
const MAX_STEPS: usize = 100_000_000;
const MAX_CONTEXT: usize = 65_536;

/// Tokens that make an example unless told otherwise.
const CONTEXT: usize = 64;

impl RawSpec {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`SpecError`] names the option, the value and what is permitted.
    pub fn check(self) -> Result<RunSpec, SpecError> {
        self.check_on(None)
    }

    /// The same on data that are loaded already, by the check of another control.
    ///
    /// # Errors
    /// [`SpecError`] names the option, the value and what is permitted.
    pub fn check_on(self, loaded: Option<Arc<Dataset>>) -> Result<RunSpec, SpecError> {
        let model = model::find(&self.model).ok_or_else(|| SpecError::Unknown {
            kind: "model",
            given: self.model.clone(),
            permitted: names(model::ALL.iter().map(|entry| entry.name)),
        })?;
        in_range("--depth", self.depth, 1, MAX_DEPTH)?;
        in_range("--width", self.width, 1, MAX_WIDTH)?;
        in_range("--steps", self.steps, 1, MAX_STEPS)?;
        in_range("--eval-every", self.eval_every, 1, MAX_STEPS)?;
        let lr = LearningRate::new(self.lr)?;
        let controls = self.control.parse()?;
        let augmentation: Augmentation = self.augment.as_deref().unwrap_or("none").parse()?;
        let data = match loaded {
            Some(data) => data,
            None => Arc::new(self.load_data()?),
        };
        // A batch of one has no variance: batch normalization would divide by nothing.
        in_range("--batch-size", self.batch_size, 2, data.train.len())?;
        let context = self.check_data(&data, augmentation)?;
        Ok(RunSpec {
            shape: model::Shape {
                depth: self.depth,
                width: self.width,
                example: data.example,
                classes: data.classes,
            },
            raw: Self {
                context,
                augment: Some(augmentation.to_string()),
                ..self
            },
            model,
            data,
            augmentation,
            lr,
            controls,
        })
    }

    fn load_data(&self) -> Result<Dataset, SpecError> {
        let (entry, argument) = dataset::find(&self.data).ok_or_else(|| SpecError::Unknown {
            kind: "data set",
            given: self.data.clone(),
            permitted: dataset::grammars(),
        })?;
        let context = self.context.unwrap_or(CONTEXT);
        in_range("--context", context, 1, MAX_CONTEXT)?;
        Ok((entry.load)(&Request {
            name: entry.name,
            argument,
            context,
            seed: self.seed,
        })?)
    }

    /// The context, where these data have one. Refuses options that mean nothing to them.
    fn check_data(
        &self,
        data: &Dataset,
        augmentation: Augmentation,
    ) -> Result<Option<usize>, SpecError> {
        let inapplicable = |option, purpose| SpecError::Inapplicable {
            option,
            purpose,
            data: self.data.clone(),
        };
        match data.example {
            Example::Image { .. } if self.context.is_some() => {
                Err(inapplicable("--context", "text"))
            }
            Example::Image { .. } => Ok(None),
            Example::Tokens { .. } if !augmentation.is_none() => {
                Err(inapplicable("--augment", "images"))
            }
            Example::Tokens { .. } if self.model == "mlp" => {
                Err(inapplicable("--model mlp", "images"))
            }
            Example::Tokens { context, .. } => Ok(Some(context)),
        }
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
