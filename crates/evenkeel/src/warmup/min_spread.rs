//! T14: the rate that minimises the predicted standard deviation of `x′`.

use super::Policy;
use crate::quantity::Elr;
use crate::recurrence::sgd;
use crate::spread::{Spread, extremes};

pub(super) const POLICY: Policy = Policy {
    name: "min-spread",
    summary: "least predicted standard deviation of the log ELRs after the step (T14)",
    critical,
};

/// Points of the scan that brackets the minimum: the function of ln λ may have several minima.
const SCAN: f64 = 128.0;
/// The distance of two points that is close enough: a layer crosses its critical rate over about one.
const CLOSE: f64 = 0.1;
/// Golden-section steps: each shrinks the bracket by 0.618.
const REFINEMENTS: u32 = 40;

fn critical(elrs: &[Elr]) -> Option<f64> {
    // The critical rates of all pairs (T8) lie between 1/E_max and 1/E_min. Outside that interval
    // every pair's |log-ratio| falls towards it, and with them the standard deviation.
    let (low, high) = extremes(elrs)?;
    let (low, high) = (low.ln(), high.ln());
    let logs: Vec<f64> = elrs.iter().map(|elr| elr.ln()).collect();
    let predicted = |ln_lr: f64| {
        let after: Vec<f64> = logs.iter().map(|&x| sgd::ln_elr(x, ln_lr)).collect();
        Spread::of_logs(&after).std
    };
    let points = ((high - low) / CLOSE).ceil().clamp(8.0, SCAN);
    let width = (high - low) / points;
    let best = (0..=points as u32)
        .map(|i| -high + width * f64::from(i))
        .min_by(|a, b| predicted(*a).total_cmp(&predicted(*b)))
        .unwrap_or(-high);
    Some(golden_section(predicted, best - width, best + width))
}

fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let shrink = (5f64.sqrt() - 1.0) / 2.0;
    let inner = |low: f64, high: f64| (high - shrink * (high - low), low + shrink * (high - low));
    let (mut a, mut b) = inner(low, high);
    let (mut at_a, mut at_b) = (f(a), f(b));
    for _ in 0..REFINEMENTS {
        // One of the two inner points is an inner point of the smaller bracket too.
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = inner(low, high).0;
            at_a = f(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = inner(low, high).1;
            at_b = f(b);
        }
    }
    0.5 * (low + high)
}
