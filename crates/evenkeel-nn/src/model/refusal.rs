//! Reasons why a model cannot be built.

use thiserror::Error;

/// Why a model has no layers for a shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A depth that the model is not defined for.
    #[error("`depth` is {given}, but must be {permitted}")]
    Depth {
        /// The value given.
        given: usize,
        /// The permitted values.
        permitted: &'static str,
    },
    /// A width that the model is not defined for.
    #[error("`width` is {given}, but must be {permitted}")]
    Width {
        /// The value given.
        given: usize,
        /// The permitted values.
        permitted: &'static str,
    },
    /// Images that patches do not cover.
    #[error(
        "patches of {patch}x{patch} pixels do not divide images of {height}x{width}; choose other data"
    )]
    Patches {
        /// Side of a patch.
        patch: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },
    /// Batch normalization in a model that must not see what it is to predict.
    #[error(
        "`norm` bn: statistics over all tokens would tell of those to be predicted; choose ln, gn, rms or none"
    )]
    SeesAhead,
    /// Data of the wrong kind.
    #[error("it takes {takes}, but the data set has {given}; choose {advice}")]
    Data {
        /// The data that the model takes.
        takes: &'static str,
        /// The data of the data set.
        given: &'static str,
        /// What to choose instead.
        advice: &'static str,
    },
    /// A model without shortcuts was to be built without them.
    #[error("`no_shortcut`: it has none; leave it out or choose a residual network")]
    NoShortcuts,
    /// More parameters than fit.
    #[error("it would have {given} parameters, but may have {most}; try a smaller width or depth")]
    TooLarge {
        /// Its number of parameters.
        given: usize,
        /// The largest number permitted.
        most: usize,
    },
}

impl Refusal {
    /// The setting that is at fault, where the message begins with it.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Depth { .. } => Some("depth"),
            Self::Width { .. } => Some("width"),
            Self::SeesAhead => Some("norm"),
            Self::NoShortcuts => Some("no_shortcut"),
            Self::Patches { .. } | Self::Data { .. } | Self::TooLarge { .. } => None,
        }
    }
}
