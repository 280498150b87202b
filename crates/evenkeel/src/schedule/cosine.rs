//! Half a cosine from the peak to zero at step `T`: `(1 + cos(πt/T))/2`. Source: Loshchilov &
//! Hutter 2017, without restarts.

use std::f64::consts::PI;

use super::Entry;

pub(super) const ENTRY: Entry = Entry {
    name: "cosine",
    grammar: "cosine",
    summary: "half a cosine from the peak down to zero, (1 + cos(pi t/T))/2",
    arguments: &[],
    permitted: "without arguments",
    length: |_| None,
    share: |_, step, steps| 0.5 * (1.0 + (PI * step as f64 / steps.max(1) as f64).cos()),
};
