//! A network as data: its layers, in words that every framework knows.

use serde::Serialize;

/// One layer. A list of them is a network: each takes what the one before it gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Layer {
    /// `y = x Wᵀ + b`, the weight stored as `[outputs, inputs]`.
    Linear {
        /// Module path; the parameters are `NAME.weight` and `NAME.bias`.
        name: String,
        /// Columns of the weight.
        inputs: usize,
        /// Rows of the weight.
        outputs: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Batch normalization with the biased variance of the batch, gain `NAME.weight`, shift
    /// `NAME.bias`.
    BatchNorm {
        /// Module path.
        name: String,
        /// Number of features.
        features: usize,
        /// ε under the root.
        eps: f64,
    },
    /// Normalization of all numbers of an example, or of a token where examples are sequences,
    /// with their biased variance; gain `NAME.weight` and shift `NAME.bias`, one a feature.
    LayerNorm {
        /// Module path.
        name: String,
        /// Number of features.
        features: usize,
        /// ε under the root.
        eps: f64,
    },
    /// As [`Layer::LayerNorm`], in groups of consecutive features.
    GroupNorm {
        /// Module path.
        name: String,
        /// Number of groups.
        groups: usize,
        /// Number of features.
        features: usize,
        /// ε under the root.
        eps: f64,
    },
    /// As [`Layer::LayerNorm`], with the mean square for the variance and without shift.
    RmsNorm {
        /// Module path.
        name: String,
        /// Number of features.
        features: usize,
        /// ε under the root.
        eps: f64,
    },
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)` with the exact normal distribution function Φ.
    Gelu,
    /// `tanh(x)`.
    Tanh,
}

impl Layer {
    /// A linear layer.
    pub fn linear(name: String, inputs: usize, outputs: usize, bias: bool) -> Self {
        Self::Linear {
            name,
            inputs,
            outputs,
            bias,
        }
    }

    /// The module path, where there is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Linear { name, .. }
            | Self::BatchNorm { name, .. }
            | Self::LayerNorm { name, .. }
            | Self::GroupNorm { name, .. }
            | Self::RmsNorm { name, .. } => Some(name),
            Self::Relu | Self::Gelu | Self::Tanh => None,
        }
    }

    /// The number of parameters that learn.
    pub fn parameters(&self) -> usize {
        match *self {
            Self::Linear {
                inputs,
                outputs,
                bias,
                ..
            } => (inputs + usize::from(bias)) * outputs,
            Self::BatchNorm { features, .. }
            | Self::LayerNorm { features, .. }
            | Self::GroupNorm { features, .. } => 2 * features,
            Self::RmsNorm { features, .. } => features,
            Self::Relu | Self::Gelu | Self::Tanh => 0,
        }
    }
}
