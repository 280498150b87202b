//! Steps up: `FACTOR^(TIMES − ⌊t/EVERY⌋)`, which reaches the peak after `TIMES` stairs.
//!
//! With a single stair it is the constant warm-up of He et al. 2016: a tenth of the rate for the
//! first 400 steps is `step-warmup:400:0.1:1`.

use super::{Entry, is_count, is_factor};

pub(super) const ENTRY: Entry = Entry {
    name: "step-warmup",
    grammar: "step-warmup:EVERY:FACTOR:TIMES",
    summary: "from FACTOR^TIMES up to the peak, divided by FACTOR every EVERY steps",
    arguments: &[is_count, is_factor, is_count],
    permitted: "with a whole number of steps from 1, a factor above 0 and at most 1, and how often it acts, such as \
                step-warmup:400:0.1:1",
    length: |arguments| Some((arguments[0] * arguments[2]) as usize),
    share: |arguments, step, _| {
        let stairs = (step as f64 / arguments[0]).floor();
        arguments[1].powf((arguments[2] - stairs).max(0.0))
    },
};
