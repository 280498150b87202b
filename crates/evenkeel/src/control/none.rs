//! No control: the schedule's rate as it is, ELRs as they come.

use super::{Control, Entry, Moment, Plan, Stage, no_argument};

pub(super) const ENTRY: Entry = Entry {
    name: "none",
    grammar: "none",
    summary: "the schedule's rate as it is",
    build: |argument| {
        no_argument(argument)?;
        Ok(Box::new(None))
    },
};

#[derive(Debug)]
struct None;

impl Control for None {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn decide(&self, _moment: &Moment, _plan: &mut Plan) {}
}
