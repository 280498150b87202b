//! The peak rate at every step.

use super::Entry;

pub(super) const ENTRY: Entry = Entry {
    name: "constant",
    grammar: "constant",
    summary: "the peak rate at every step",
    arguments: &[],
    permitted: "without arguments",
    length: |_| None,
    share: |_, _, _| 1.0,
};
