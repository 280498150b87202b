//! Training kernels for CPUs, on plain slices of 32-bit floats: linear and convolutional layers with
//! batch normalization, and what transformers are made of, forward and backward.
//!
//! Everything rests on two kernels: [`product`] gathers rows from all over an input and multiplies
//! them by a matrix; [`correlation`] sums what was gathered times what came out. [`linear`],
//! [`conv`] and [`attention`] say which rows those are, [`batch_norm`] and [`layer_norm`] what is done to
//! the results while they are in the cache. Vector instructions are chosen at run time, and [`workers`] share the work so that results
//! are the same to the bit for any number of threads.

mod ahead;
pub mod attention;
pub mod batch_norm;
pub mod column_sums;
pub mod conv;
pub mod correlation;
pub mod cross_entropy;
pub mod descent;
mod exponential;
mod feature_norm;
mod frame;
pub mod gelu;
mod lanes;
pub mod lattice;
pub mod layer_norm;
pub mod linear;
pub mod linear_norm;
pub mod matmul;
pub mod memory;
pub mod norms;
pub mod panels;
pub mod product;
mod softmax;
pub mod subsample;
pub mod vectors;
mod weight_gradient;
mod winograd;
pub mod workers;
