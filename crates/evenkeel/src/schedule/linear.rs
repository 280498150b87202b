//! A straight line from the peak to zero at step `T`: `1 − t/T`.

use super::Entry;

pub(super) const ENTRY: Entry = Entry {
    name: "linear",
    grammar: "linear",
    summary: "a straight line from the peak down to zero, 1 - t/T",
    arguments: &[],
    permitted: "without arguments",
    length: |_| None,
    share: |_, step, steps| 1.0 - step as f64 / steps.max(1) as f64,
};
