//! Activations: what is applied to each number behind a normalization.

use crate::choice::Choice;
use crate::layer::Layer;

/// An activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// [`Layer::Relu`].
    Relu,
    /// [`Layer::Gelu`].
    Gelu,
    /// [`Layer::Tanh`].
    Tanh,
    /// No layer at all.
    Identity,
}

/// Every activation.
pub const ALL: &[Choice<Activation>] = &[
    Choice {
        name: "relu",
        summary: "max(x, 0)",
        value: Activation::Relu,
    },
    Choice {
        name: "gelu",
        summary: "x times the normal distribution function of x",
        value: Activation::Gelu,
    },
    Choice {
        name: "tanh",
        summary: "hyperbolic tangent",
        value: Activation::Tanh,
    },
    Choice {
        name: "identity",
        summary: "nothing: linear between the normalizations",
        value: Activation::Identity,
    },
];

impl Activation {
    /// The layer that applies it.
    pub fn layer(self) -> Option<Layer> {
        match self {
            Self::Relu => Some(Layer::Relu),
            Self::Gelu => Some(Layer::Gelu),
            Self::Tanh => Some(Layer::Tanh),
            Self::Identity => None,
        }
    }
}
