//! Shortcuts around layers that are normalized at both ends.
//!
//! After the stem and `l − 1` layers the trunk has a variance of `l`, so the branch of layer `l`
//! adds `growth/l` to the gradient's square: growth is a power of the depth, not exponential.

use super::Wiring;

pub(super) const ROW: Wiring = Wiring {
    prefix: "res-",
    summary: "x' = x + norm(W phi(norm(x))), after a stem norm(Wx)",
    shortcut: true,
    ln_growth: |growth, layer| (growth / layer as f64).ln_1p(),
};
