//! How layers are put together.
//!
//! A wiring is one file under `wiring/` and one row in [`ALL`].

mod plain;
mod residual;

use super::batch::Batch;

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Wiring {
    /// What it puts before the name of the normalization.
    pub prefix: &'static str,
    /// What a layer computes.
    pub summary: &'static str,
    /// Whether a shortcut leads around each layer.
    pub shortcut: bool,
    /// By how much `ln ‖∇‖²` grows from a layer to the one before it, given the growth through
    /// weight, normalization and activation (T21). Layers count from 0 at the input, so `layer` is
    /// at least 1.
    pub(super) ln_growth: fn(growth: f64, batch: Batch, layer: usize) -> f64,
}

/// Every wiring.
pub const ALL: &[Wiring] = &[plain::ROW, residual::ROW];
