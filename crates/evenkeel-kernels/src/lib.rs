//! Training kernels for CPUs on plain slices of `f32`: linear, convolutional and attention layers
//! with normalizations, forward and backward.
//!
//! | module | contents |
//! |---|---|
//! | [`layers`] | layers and losses of networks |
//! | [`gemm`] | the matrix products that layers are made of |
//! | [`simd`] | vector instructions, chosen at run time |
//! | [`threads`] | the thread pool and its buffers |
//! | [`norms`] | squared norms and inner products of weights and gradients |
//! | [`sgd_update`] | the optimiser's update |
//!
//! Results are bit-identical for any number of threads.

pub mod gemm;
pub mod layers;
pub mod norms;
pub mod sgd_update;
pub mod simd;
pub mod threads;
