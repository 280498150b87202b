//! A network as data: its layers, in words that every framework knows.

pub mod activation;
pub mod init;
pub mod norm;

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
        /// Whether the layer has a bias.
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
    /// Convolution of maps with square kernels, zeros around the border; the weight is stored as
    /// `[outputs, inputs, kernel, kernel]`.
    Conv {
        /// Module path; the parameters are `NAME.weight` and, where there is one, `NAME.bias`.
        name: String,
        /// Channels of the input.
        inputs: usize,
        /// Channels of the output.
        outputs: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
        /// Pixels from one position to the next.
        stride: usize,
        /// Zeros around the border.
        padding: usize,
        /// Whether the layer has a bias.
        bias: bool,
    },
    /// Largest pixel of each square window, borders not counted.
    MaxPool {
        /// Rows and columns of the window.
        kernel: usize,
        /// Pixels from one position to the next.
        stride: usize,
        /// Pixels that windows reach over the border.
        padding: usize,
    },
    /// Mean of all pixels of each map: features.
    AveragePool,
    /// Numbers as maps, in the order channel, row, column.
    Image {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// The first of every `stride` rows and columns, and maps of zeros behind the last channel:
    /// option A of He et al. 2016.
    Subsample {
        /// Pixels from one that is kept to the next.
        stride: usize,
        /// Number of channels of zeros appended.
        zeros: usize,
    },
    /// The sum of what two lists of layers make of the input; an empty list leaves it as it is.
    Residual {
        /// Module path of the block.
        name: String,
        /// One list.
        body: Vec<Layer>,
        /// The other.
        shortcut: Vec<Layer>,
    },
    /// Maps as a sequence: each pixel is a token, row by row, with its channels for features.
    Sequence,
    /// Tokens to the rows of the table `NAME.weight` that they number.
    Embedding {
        /// Module path.
        name: String,
        /// Size of the vocabulary: rows of the table.
        vocabulary: usize,
        /// Features of a token: columns of the table.
        width: usize,
    },
    /// As [`Layer::Embedding`] before the layers within, and after them the inner products with
    /// every row of the same table: one score for each token of the vocabulary.
    TiedEmbedding {
        /// Module path.
        name: String,
        /// Size of the vocabulary: rows of the table.
        vocabulary: usize,
        /// Features of a token: columns of the table.
        width: usize,
        /// The layers from the embedding to the scores.
        body: Vec<Layer>,
    },
    /// The row of the table `NAME.weight` for each place in a sequence, whatever the token.
    Positions {
        /// Module path.
        name: String,
        /// Tokens of a sequence: rows of the table.
        context: usize,
        /// Features of a token: columns of the table.
        width: usize,
    },
    /// One more token before each sequence, with the features `NAME.weight`, `[1, width]`.
    ClassToken {
        /// Module path.
        name: String,
        /// Tokens of a sequence before it is there.
        context: usize,
        /// Features of a token.
        width: usize,
    },
    /// The first token of each sequence.
    FirstToken {
        /// Tokens of a sequence.
        context: usize,
    },
    /// `softmax(Q Kᵀ/√d) V` in each of the heads, which share the features out in their order; `d`
    /// is a head's number of features.
    Attention {
        /// Module path.
        name: String,
        /// Number of heads.
        heads: usize,
        /// Tokens of a sequence.
        context: usize,
        /// Whether attention is causal.
        causal: bool,
        /// The layers that make `Q`.
        query: Vec<Layer>,
        /// The layers that make `K`.
        key: Vec<Layer>,
        /// The layers that make `V`.
        value: Vec<Layer>,
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

    /// A convolution without bias whose output has the size of its input, but for the stride.
    pub fn conv(name: String, [inputs, outputs]: [usize; 2], kernel: usize, stride: usize) -> Self {
        Self::Conv {
            name,
            inputs,
            outputs,
            kernel,
            stride,
            padding: kernel / 2,
            bias: false,
        }
    }

    /// The table of positions.
    pub fn positions(context: usize, width: usize) -> Self {
        Self::Positions {
            name: "positions".to_owned(),
            context,
            width,
        }
    }

    /// What comes in, with the table of positions added.
    pub fn positioned(context: usize, width: usize) -> Self {
        Self::Residual {
            name: "embedding".to_owned(),
            body: vec![Self::positions(context, width)],
            shortcut: Vec::new(),
        }
    }

    /// The module path, where there is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Linear { name, .. }
            | Self::BatchNorm { name, .. }
            | Self::LayerNorm { name, .. }
            | Self::GroupNorm { name, .. }
            | Self::RmsNorm { name, .. }
            | Self::Conv { name, .. }
            | Self::Residual { name, .. }
            | Self::Embedding { name, .. }
            | Self::TiedEmbedding { name, .. }
            | Self::Positions { name, .. }
            | Self::ClassToken { name, .. }
            | Self::Attention { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The lists of layers within it.
    pub fn branches(&self) -> Vec<&[Layer]> {
        match self {
            Self::Residual { body, shortcut, .. } => vec![body, shortcut],
            Self::TiedEmbedding { body, .. } => vec![body],
            Self::Attention {
                query, key, value, ..
            } => vec![query, key, value],
            _ => Vec::new(),
        }
    }

    /// Rows and columns of its table, where there is one.
    pub fn table(&self) -> Option<[usize; 2]> {
        match *self {
            Self::Embedding {
                vocabulary, width, ..
            }
            | Self::TiedEmbedding {
                vocabulary, width, ..
            } => Some([vocabulary, width]),
            Self::Positions { context, width, .. } => Some([context, width]),
            Self::ClassToken { width, .. } => Some([1, width]),
            _ => None,
        }
    }

    /// The number of parameters that learn.
    pub fn parameters(&self) -> usize {
        let own = match *self {
            Self::Linear {
                inputs,
                outputs,
                bias,
                ..
            } => (inputs + usize::from(bias)) * outputs,
            Self::Conv {
                inputs,
                outputs,
                kernel,
                bias,
                ..
            } => (inputs * kernel * kernel + usize::from(bias)) * outputs,
            Self::BatchNorm { features, .. }
            | Self::LayerNorm { features, .. }
            | Self::GroupNorm { features, .. } => 2 * features,
            Self::RmsNorm { features, .. } => features,
            _ => self.table().map_or(0, |[rows, width]| rows * width),
        };
        let within = self.branches().into_iter().map(parameters);
        own + within.sum::<usize>()
    }
}

/// The number of parameters of a network.
pub fn parameters(layers: &[Layer]) -> usize {
    layers.iter().map(Layer::parameters).sum()
}
