//! One cycle: from 1/25 of the peak up to it in the first 30 % of the steps, then down to
//! 1/250 000 of it at the last, both along half cosines.
//!
//! Source: Smith & Topin 2018; constants, phases and annealing are PyTorch's `OneCycleLR`.

use std::f64::consts::PI;

use super::Entry;

pub(super) const ENTRY: Entry = Entry {
    name: "one-cycle",
    grammar: "one-cycle",
    summary: "up from 1/25 of the peak in 30 % of the steps, then down to almost zero",
    arguments: &[],
    permitted: "without arguments",
    length: |_| None,
    share: |_, step, steps| share(step as f64, steps as f64),
};

const START: f64 = 1.0 / 25.0;
const END: f64 = START / 1e4;
const RISING: f64 = 0.3;

fn share(step: f64, steps: f64) -> f64 {
    let (top, last) = ((RISING * steps - 1.0).max(0.0), steps - 1.0);
    if step < top {
        between(START, 1.0, step / top)
    } else if last > top {
        between(1.0, END, ((step - top) / (last - top)).min(1.0))
    } else {
        1.0
    }
}

/// Half a cosine from `from` to `to` as `progress` goes from 0 to 1.
fn between(from: f64, to: f64, progress: f64) -> f64 {
    to + 0.5 * (from - to) * (1.0 + (PI * progress).cos())
}
