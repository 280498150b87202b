//! Sources of the gradients of scale-invariant weights: the loss, or random directions.

use evenkeel_nn::choice::Choice;

/// A source of gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradientSource {
    /// The gradients of the loss.
    Loss,
    /// Random directions that obey T1, with the base gradients `c_l` of the first step for good.
    Random,
}

/// Every source; the first is the default.
pub const ALL: &[Choice<GradientSource>] = &[
    Choice {
        name: "loss",
        summary: "the gradients of the loss",
        value: GradientSource::Loss,
    },
    Choice {
        name: "random",
        summary: "random ones, orthogonal to the weights, of norm c/|W| with each layer's first c: dynamics without learning, in which all other parameters stand still",
        value: GradientSource::Random,
    },
];
