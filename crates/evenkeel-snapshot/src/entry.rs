//! One layer of a snapshot.

use evenkeel::quantity::{Elr, GradientNorm, WeightNorm};

/// A layer of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerEntry {
    /// Its name: never empty, and on one line.
    pub name: String,
    /// Its ELR: `‖∇W‖/‖W‖` (T2) where both norms are known, otherwise as given.
    pub elr: Elr,
    /// `‖W‖`, where known.
    pub weight_norm: Option<WeightNorm>,
    /// `‖∇W‖`, where known; never zero.
    pub gradient_norm: Option<GradientNorm>,
    /// How many numbers the weight holds, where known.
    pub numel: Option<u64>,
    /// `cos(W, ∇W)`, where known.
    pub cosine: Option<f64>,
}
