//! The usual warm-up: `(t + 1)/N` for `N` steps, then the peak rate or what follows after `+`.

use super::{Entry, is_count};

pub(super) const ENTRY: Entry = Entry {
    name: "linear-warmup",
    grammar: "linear-warmup:N",
    summary: "rises as (t + 1)/N for N steps, then the peak or what follows after +",
    arguments: &[is_count],
    permitted: "with a whole number of steps from 1, such as linear-warmup:100",
    length: |arguments| Some(arguments[0] as usize),
    share: |arguments, step, _| ((step as f64 + 1.0) / arguments[0]).min(1.0),
};
