//! Exponential growth from a share of the peak up to it: `START^(1 − (t + 1)/N)` for `N` steps.

use super::{Entry, is_count, is_factor};

pub(super) const ENTRY: Entry = Entry {
    name: "exponential-warmup",
    grammar: "exponential-warmup:N:START",
    summary: "rises from START times the peak as START^(1 - (t + 1)/N) for N steps",
    arguments: &[is_count, is_factor],
    permitted: "with a whole number of steps from 1 and a share above 0 and at most 1, such as \
                exponential-warmup:100:0.01",
    length: |arguments| Some(arguments[0] as usize),
    share: |arguments, step, _| {
        let progress = ((step as f64 + 1.0) / arguments[0]).min(1.0);
        arguments[1].powf(1.0 - progress)
    },
};
