//! Where the gradients of scale-invariant weights come from: the loss, or chance.

use crate::model::choice::Choice;

/// What drives scale-invariant weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// The gradients of the loss.
    Loss,
    /// Random directions that obey T1, with the base gradients `c_l` of the first step for good.
    Random,
}

/// Every drive; the first is the default.
pub const ALL: &[Choice<Drive>] = &[
    Choice {
        name: "loss",
        summary: "the gradients of the loss",
        value: Drive::Loss,
    },
    Choice {
        name: "random",
        summary: "random ones, orthogonal to the weights, of norm c/|W| with each layer's first c: dynamics without learning, in which all other parameters stand still",
        value: Drive::Random,
    },
];
