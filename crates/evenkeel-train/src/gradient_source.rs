//! Where the gradients of scale-invariant weights come from: the loss, or chance.

use evenkeel_nn::choice::Choice;

/// What drives scale-invariant weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradientSource {
    /// The gradients of the loss.
    Loss,
    /// Random directions that obey T1, with the base gradients `c_l` of the first step for good.
    Random,
}

/// Every drive; the first is the default.
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
