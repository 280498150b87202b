//! What of a log is wanted.

use crate::limits::Limits;
use crate::log::tag::{Names, Quantity};

/// What to take from a log, and by which names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogOptions {
    /// The training step; without it the first at which every layer has its norms.
    pub step: Option<u64>,
    /// The run, where a log holds several.
    pub run: Option<String>,
    /// Layers that do not count: names, or patterns with `*` and `?`.
    pub skip: Vec<String>,
    /// The only layers that count, likewise. Empty for all.
    pub only: Vec<String>,
    /// How tags name `‖W‖`: `NAME` in `NAME/LAYER` or `LAYER/NAME`, or a pattern whose `*` is the layer.
    pub weight: Option<String>,
    /// How they name `‖∇W‖`.
    pub gradient: Option<String>,
    /// How they name `‖ΔW‖`.
    pub update: Option<String>,
    /// What an input may cost.
    pub limits: Limits,
}

impl LogOptions {
    /// The names that tags are held against.
    pub(crate) fn names(&self) -> Names {
        Names::new(&[
            (Quantity::Weight, self.weight.as_deref()),
            (Quantity::Gradient, self.gradient.as_deref()),
            (Quantity::Update, self.update.as_deref()),
        ])
    }
}
