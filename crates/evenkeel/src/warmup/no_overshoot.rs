//! T11: `1/E_max`. No layer turns by more than 45°, so the order of ELRs is kept. The range goes
//! from `R` to `ln cosh R ≈ R − ln 2`: the top ELR halves each step.

use super::Policy;
use crate::spread::extremes;

pub(super) const POLICY: Policy = Policy {
    name: "no-overshoot",
    summary: "1/E_max: no layer turns by more than 45 degrees (T11)",
    critical: |elrs| Some(-extremes(elrs)?.1.ln()),
};
