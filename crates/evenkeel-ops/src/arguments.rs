//! Arguments and results of operations that have several parts.

use burn::tensor::Tensor;
use evenkeel_kernels::layers::attention::AttentionMask;

/// How tokens are grouped into sequences, and features into heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionConfig {
    /// Tokens in a sequence.
    pub context: usize,
    /// The number of heads; each owns adjacent features.
    pub heads: usize,
    /// The tokens that each token attends to.
    pub mask: AttentionMask,
}

/// The parameters of a batch normalization, and the operations that follow it.
#[derive(Debug, Clone)]
pub struct Norm<const D: usize> {
    /// Gain of each feature.
    pub gamma: Tensor<1>,
    /// Shift of each feature.
    pub beta: Tensor<1>,
    /// ε under the root.
    pub epsilon: f64,
    /// Added to the result, if present; of the same shape.
    pub residual: Option<Tensor<D>>,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// The result of a batch normalization.
#[derive(Debug, Clone)]
pub struct Normalized<const D: usize> {
    /// The output.
    pub y: Tensor<D>,
    /// Mean of each feature; without gradient.
    pub mean: Tensor<1>,
    /// Biased variance of each feature; without gradient.
    pub variance: Tensor<1>,
}
