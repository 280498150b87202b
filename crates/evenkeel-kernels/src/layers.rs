//! Layers of networks, forward and backward.

pub mod attention;
pub mod batch_norm;
pub mod column_sums;
pub mod conv;
pub mod cross_entropy;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod linear_batch_norm;
mod softmax;
pub mod subsample;
