//! Steps down: `FACTOR^⌊t/EVERY⌋`.

use super::{Entry, is_count, is_factor};

pub(super) const ENTRY: Entry = Entry {
    name: "step",
    grammar: "step:EVERY:FACTOR",
    summary: "multiplied by FACTOR every EVERY steps",
    arguments: &[is_count, is_factor],
    permitted: "with a whole number of steps from 1 and a factor above 0 and at most 1, such as step:30:0.1",
    length: |_| None,
    share: |arguments, step, _| arguments[1].powf((step as f64 / arguments[0]).floor()),
};
