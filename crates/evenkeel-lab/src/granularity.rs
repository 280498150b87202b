//! What has an effective learning rate of its own: a layer, or each unit of a layer.

use evenkeel_ops::Grain;

use crate::model::choice::Choice;

/// What ELRs are measured and controlled of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// Whole weights.
    Layer,
    /// Single rows or filters where they are scale-invariant by themselves, whole weights elsewhere.
    Unit,
}

impl Granularity {
    /// Of what norms are to be taken with gradients: layers have a column of weights for each of their units.
    pub fn grain(self) -> Grain {
        match self {
            Self::Layer => Grain::Whole,
            Self::Unit => Grain::Columns,
        }
    }
}

/// Every granularity; the first is the default.
pub const ALL: &[Choice<Granularity>] = &[
    Choice {
        name: "layer",
        summary: "whole weights",
        value: Granularity::Layer,
    },
    Choice {
        name: "unit",
        summary: "single rows or filters where they are scale-invariant by themselves, as before batch normalization; whole weights elsewhere",
        value: Granularity::Unit,
    },
];
