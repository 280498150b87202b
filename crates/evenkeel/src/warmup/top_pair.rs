//! T12: `1/√(E₍₁₎E₍₂₎)` over the two largest ELRs, the largest rate at which no pair flips. A single
//! layer is its own pair.

use super::Policy;
use crate::quantity::Elr;

pub(super) const POLICY: Policy = Policy {
    name: "top-pair",
    summary: "1/sqrt of the two largest ELRs: the largest rate at which no pair flips (T12)",
    critical,
};

fn critical(elrs: &[Elr]) -> Option<f64> {
    let (first, second) = elrs.iter().fold((0.0f64, 0.0f64), |(first, second), elr| {
        let elr = elr.get();
        (first.max(elr), second.max(elr.min(first)))
    });
    match elrs.len() {
        0 => None,
        1 => Some(-first.ln()),
        _ => Some(-0.5 * (first.ln() + second.ln())),
    }
}
