//! A layer's ELR as an optimiser goes by it.

use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::{Elr, QuantityError};
use evenkeel::quote::quote;
use thiserror::Error;

use crate::entry::LayerEntry;

/// A layer that says too little for an optimiser.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The size of its weight is not known.
    #[error(
        "layer {} has no numel, which {optimizer} needs: its updates do not depend on gradients but on the \
         number of weights; add a column numel, or give elr as |dW| / (lr |W|)",
        quote(layer)
    )]
    NoNumel {
        /// The layer.
        layer: String,
        /// The optimiser's name.
        optimizer: &'static str,
    },
    /// Its weight is too large or too small.
    #[error("layer {}: {source}", quote(layer))]
    Unusable {
        /// The layer.
        layer: String,
        /// What is wrong with it.
        source: QuantityError,
    },
}

impl LayerEntry {
    /// The layer's ELR as `optimizer` goes by it. Updates of a fixed length have the norm of the first
    /// one: `‖ΔW‖/(λ‖W‖) = √numel/‖W‖` for Adam and Lion (T19), and for Muon that of an orthogonalised
    /// matrix of the aspect ratio given with the optimiser (T39).
    ///
    /// # Errors
    /// [`MeasureError`] for an update of a weight whose size is not known.
    pub fn elr_for(&self, optimizer: &Optimizer) -> Result<Elr, MeasureError> {
        let layer = || self.name.clone();
        let update = self.numel.and_then(|numel| optimizer.update_norm_of(numel));
        match (optimizer.measure(), self.weight_norm, update) {
            (Measure::Update, Some(norm), Some(update)) => {
                Elr::new(update / norm.get()).map_err(|source| MeasureError::Unusable {
                    layer: layer(),
                    source,
                })
            }
            (Measure::Update, Some(_), None) => Err(MeasureError::NoNumel {
                layer: layer(),
                optimizer: optimizer.entry().name,
            }),
            _ => Ok(self.elr),
        }
    }
}
