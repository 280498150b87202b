//! Half a cosine up to the peak: `(1 − cos(π(t + 1)/N))/2` for `N` steps.

use std::f64::consts::PI;

use super::{Entry, is_count};

pub(super) const ENTRY: Entry = Entry {
    name: "cosine-warmup",
    grammar: "cosine-warmup:N",
    summary: "rises as (1 - cos(pi (t + 1)/N))/2 for N steps",
    arguments: &[is_count],
    permitted: "with a whole number of steps from 1, such as cosine-warmup:100",
    length: |arguments| Some(arguments[0] as usize),
    share: |arguments, step, _| {
        let progress = ((step as f64 + 1.0) / arguments[0]).min(1.0);
        0.5 * (1.0 - (PI * progress).cos())
    },
};
