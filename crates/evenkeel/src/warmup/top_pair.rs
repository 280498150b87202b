//! T12: `1/√(E₍₁₎E₍₂₎)` over the two largest ELRs, the largest rate at which no pair flips. A single
//! layer is its own pair.

use super::Policy;

pub(super) const POLICY: Policy = Policy {
    name: "top-pair",
    summary: "1/sqrt of the two largest ELRs: the largest rate at which no pair flips (T12)",
    critical,
};

fn critical(logs: &[f64]) -> f64 {
    let (first, second) = logs.iter().fold(
        (f64::NEG_INFINITY, f64::NEG_INFINITY),
        |(first, second), &x| (first.max(x), second.max(x.min(first))),
    );
    let second = if logs.len() == 1 { first } else { second };
    -0.5 * (first + second)
}
