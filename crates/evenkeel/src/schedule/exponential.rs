//! Exponential decay: `GAMMA^t`.

use super::{Entry, is_factor};

pub(super) const ENTRY: Entry = Entry {
    name: "exponential",
    grammar: "exponential:GAMMA",
    summary: "multiplied by GAMMA every step",
    arguments: &[is_factor],
    permitted: "with a factor above 0 and at most 1, such as exponential:0.99",
    length: |_| None,
    share: |arguments, step, _| arguments[0].powf(step as f64),
};
