//! Errors in the settings of a run.

use evenkeel::control::ControlError;
use evenkeel::optimizer::OptimizerError;
use evenkeel::quantity::QuantityError;
use evenkeel::schedule::ScheduleError;
use evenkeel_nn::augment::AugmentationError;
use evenkeel_nn::device::DeviceError;
use evenkeel_nn::error::DataError;
use evenkeel_nn::interchange::weights_error::WeightsError;
use evenkeel_nn::model::refusal::Refusal;
use thiserror::Error;

/// A setting that is not permitted. Settings are named in backticks, as in `run.toml`.
#[derive(Debug, Error)]
pub enum SpecError {
    /// A name that no table knows.
    #[error("unknown `{field}` `{given}`; permitted: {permitted}")]
    Unknown {
        /// The setting.
        field: &'static str,
        /// The value given.
        given: String,
        /// The names that exist.
        permitted: String,
    },
    /// A value under its old name.
    #[error("`{field}` {given} is now called {now}")]
    Renamed {
        /// The setting.
        field: &'static str,
        /// The value given.
        given: &'static str,
        /// Its name now.
        now: &'static str,
    },
    /// A count out of range.
    #[error("`{field}` is {given}, but must be from {min} to {max}")]
    OutOfRange {
        /// The setting.
        field: &'static str,
        /// The value given.
        given: usize,
        /// The least permitted.
        min: usize,
        /// The most permitted.
        max: usize,
    },
    /// The model cannot be built as asked.
    #[error("model `{model}`: {refusal}")]
    Model {
        /// The model.
        model: &'static str,
        /// What is in the way.
        refusal: Refusal,
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
    #[error("`clip_norm` is {given}, but must be above 0 and finite; give a norm such as 1")]
    ClipNorm {
        /// The value given.
        given: f64,
    },
    /// Random gradients are drawn for layers as wholes.
    #[error(
        "`gradients` random is for granularity layer: units would need base gradients of their own"
    )]
    RandomUnits,
    /// ELRs of the gradient, where steps do not follow its length.
    #[error(
        "`elr` gradient is for sgd, momentum and nesterov: steps of `{optimizer}` do not follow the gradient's \
         length; leave it out"
    )]
    GradientLength {
        /// The optimiser.
        optimizer: String,
    },
    /// An optimiser that is there for forecasts only.
    #[error(
        "`{optimizer}` is for forecasts: networks have vectors as well, which it does not train; take adamw or lion"
    )]
    ForecastsOnly {
        /// The optimiser.
        optimizer: String,
    },
    /// ELRs of the update, under a control that they tell nothing.
    #[error(
        "`elr` update is not for `{control}` under `{optimizer}`, whose updates fall with the square of what \
         weights are rescaled by; leave it out"
    )]
    RescaledUpdates {
        /// The control.
        control: String,
        /// The optimiser.
        optimizer: String,
    },
    /// A learning rate that is none.
    #[error("`lr`: {0}")]
    Lr(#[from] QuantityError),
    /// A setting that means nothing here.
    #[error("`{field}` is for {purpose}, which `{data}` is not")]
    Inapplicable {
        /// The setting.
        field: &'static str,
        /// What it is for.
        purpose: &'static str,
        /// What was asked for instead.
        data: String,
    },
    /// Images that cannot be made smaller like that.
    #[error(
        "`shrink` is {given}, but must divide the sides of the images, which are {height} × {width}"
    )]
    Shrink {
        /// The value given.
        given: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },
    /// An augmentation that cannot be read.
    #[error("`augment`: {0}")]
    Augmentation(#[from] AugmentationError),
    /// The data set cannot be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The weights to begin with cannot be used.
    #[error("`weights`: {0}")]
    Weights(#[from] WeightsError),
}

impl SpecError {
    /// The setting that is at fault: the first that the message has in backticks under its name.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { field, .. }
            | Self::Renamed { field, .. }
            | Self::OutOfRange { field, .. }
            | Self::Inapplicable { field, .. } => Some(field),
            Self::ClipNorm { .. } => Some("clip_norm"),
            Self::RandomUnits => Some("gradients"),
            Self::GradientLength { .. } | Self::RescaledUpdates { .. } => Some("elr"),
            Self::Lr(_) => Some("lr"),
            Self::ForecastsOnly { .. } => Some("optimizer"),
            Self::Shrink { .. } => Some("shrink"),
            Self::Augmentation(_) => Some("augment"),
            Self::Weights(_) => Some("weights"),
            Self::Model { refusal, .. } => refusal.field(),
            Self::Device(_) => Some("device"),
            Self::Repeated { .. }
            | Self::Control(_)
            | Self::Optimizer(_)
            | Self::Schedule(_)
            | Self::Data(_) => None,
        }
    }
}
