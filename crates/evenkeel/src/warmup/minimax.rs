//! T13: `1/√(E_max E_min)`. The range goes from `R` to at most `ln cosh(R/2)`, reached when a layer
//! sits midway; no rate makes it smaller in one step. But `λE_max = √(E_max/E_min)` is then large, and such turns move the base gradients.

use super::Policy;
use crate::spread::extremes;

pub(super) const POLICY: Policy = Policy {
    name: "minimax",
    summary: "1/sqrt(E_max E_min): halves the range each step, with large turns (T13)",
    critical: |elrs| {
        let (low, high) = extremes(elrs)?;
        Some(-0.5 * (low.ln() + high.ln()))
    },
};
