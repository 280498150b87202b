//! T14: the rate that minimises the predicted standard deviation of `x′`.

use super::{Policy, extremes};
use crate::{recurrence::sgd, spread::Spread};

pub(super) const POLICY: Policy = Policy {
    name: "min-spread",
    summary: "least predicted standard deviation of the log ELRs after the step (T14)",
    critical,
};

/// Points of the scan that brackets the minimum: the function of ln λ may have several minima.
const SCAN: u32 = 256;
/// Golden-section steps: each shrinks the bracket by 0.618.
const REFINEMENTS: u32 = 64;

fn critical(logs: &[f64]) -> f64 {
    // The critical rates of all pairs (T8) lie between 1/E_max and 1/E_min. Outside that interval
    // every pair's |log-ratio| falls towards it, and with them the standard deviation.
    let (low, high) = extremes(logs);
    let predicted = |ln_lr: f64| Spread::of_logs(logs.iter().map(|&x| sgd::ln_elr(x, ln_lr))).std;
    let width = (high - low) / f64::from(SCAN);
    let best = (0..=SCAN)
        .map(|i| -high + width * f64::from(i))
        .min_by(|a, b| predicted(*a).total_cmp(&predicted(*b)))
        .unwrap_or(-high);
    golden_section(predicted, best - width, best + width)
}

fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let shrink = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..REFINEMENTS {
        let (a, b) = (high - shrink * (high - low), low + shrink * (high - low));
        if f(a) <= f(b) {
            high = b;
        } else {
            low = a;
        }
    }
    0.5 * (low + high)
}
