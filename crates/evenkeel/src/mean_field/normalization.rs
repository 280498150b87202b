//! Normalizations, each between a weight and its activation.
//!
//! A normalization is one file under `normalization/` and one row in [`ALL`].

mod bn;
mod ln;
mod rms;

use super::activation::Activation;
use super::batch::Batch;

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Normalization {
    /// The name on the command line.
    pub name: &'static str,
    /// What is normalized, and the growth.
    pub summary: &'static str,
    /// Whether it looks across the batch.
    pub over_batch: bool,
    /// Growth of `‖∇‖²` through weight, normalization and activation (T21).
    pub(super) growth: fn(&Activation, Batch) -> f64,
    /// By how much small differences between the norms of samples are multiplied (T21).
    pub(super) disparity: fn(&Activation, Batch) -> f64,
}

/// Every normalization.
pub const ALL: &[Normalization] = &[bn::ROW, ln::ROW, rms::ROW];

/// `E φ′²/E φ²`: of wide layers, in which each sample is normalized over its features. Their mean
/// is of order `1/√width`, so it makes no difference whether it is taken off.
fn per_sample(activation: &Activation, _: Batch) -> f64 {
    let moments = activation.moments(Batch::LARGE);
    moments.slope.square / moments.value.square
}
