//! What can be wrong with an architecture.

use thiserror::Error;

use super::synthetic::{GRAMMAR, MOST_LAYERS};
use super::{activation, normalization};
use crate::quantity::QuantityError;

/// An architecture that could not be read, or about which mean field says nothing.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MeanFieldError {
    /// No such architecture.
    #[error(
        "unknown architecture `{given}`; write {GRAMMAR}, such as bn-relu:50, with NORM one of {normalizations} and \
         ACTIVATION one of {activations}"
    )]
    Unknown {
        /// What was given.
        given: String,
        /// Every normalization.
        normalizations: String,
        /// Every activation.
        activations: String,
    },
    /// A depth that is not one.
    #[error(
        "`{given}` is not a depth; write {GRAMMAR} with a depth from 1 to {MOST_LAYERS}, such as bn-relu:50"
    )]
    Depth {
        /// What was given.
        given: String,
    },
    /// Something after the depth that is neither an ELR nor a setting.
    #[error("`{given}` is not understood; write {GRAMMAR}, such as bn-relu:50:0.1:batch=128")]
    Setting {
        /// What was given.
        given: String,
    },
    /// An ELR outside its range.
    #[error(transparent)]
    Elr(#[from] QuantityError),
    /// A batch that is too small, or not a number of samples.
    #[error(
        "batch `{given}` must be a whole number of samples, at least 4: with fewer, gradients have no finite mean \
         square; leave it out for large batches"
    )]
    Batch {
        /// What was given.
        given: String,
    },
    /// A batch for a normalization that does not look at it.
    #[error(
        "`{normalization}` normalizes every sample by itself, so its gradients do not depend on the batch; leave \
         batch= out"
    )]
    NoBatch {
        /// The normalization.
        normalization: &'static str,
    },
}

impl MeanFieldError {
    pub(super) fn unknown(given: &str) -> Self {
        let normalizations: Vec<_> = normalization::ALL.iter().map(|row| row.name).collect();
        let activations: Vec<_> = activation::ALL.iter().map(|row| row.name).collect();
        Self::Unknown {
            given: given.to_owned(),
            normalizations: normalizations.join(", "),
            activations: activations.join(", "),
        }
    }
}
