//! Shortcuts around layers that are normalized at both ends.
//!
//! After the stem and `l − 1` layers the trunk has a variance of `l`, so the branch of layer `l`
//! adds `growth/l` to the gradient's square: growth is a power of the depth, not exponential.

use super::Wiring;
use crate::mean_field::batch::Batch;

pub(super) const ROW: Wiring = Wiring {
    prefix: "res-",
    summary: "x' = x + norm(W phi(norm(x))), after a stem norm(Wx)",
    shortcut: true,
    ln_growth: |growth, batch, layer| {
        let variance = layer as f64;
        (growth * trunk(batch, variance) / variance).ln_1p()
    },
};

/// What a batch of `n + 1` samples changes: `(n − 1)/(n − 2 + 2/l)`, because the trunk is a sum of
/// `l` vectors of one length and not Gaussian (T21). Exact for the first layer and for the deepest,
/// to first order in `1/n` between.
fn trunk(batch: Batch, layer: f64) -> f64 {
    batch.samples().map_or(1.0, |samples| {
        (samples - 2.0) / (samples - 3.0 + 2.0 / layer)
    })
}
