//! No control: the schedule's rate as it is, ELRs as they come.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, no_argument, shared};
use super::{Control, Decision, Stage, StepContext};

pub(super) const ENTRY: Entry = Entry {
    name: "none",
    grammar: "none",
    summary: "the schedule's rate as it is",
    build: |argument| no_argument(argument).map(|()| shared(NoControl)),
};

/// Leaves everything as it is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct NoControl;

impl fmt::Display for NoControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none")
    }
}

impl Control for NoControl {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn decide(&self, _context: &StepContext, _decision: &mut Decision) {}
}
