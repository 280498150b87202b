//! Hold all ELRs equal at every step by per-layer rates (T23).

use super::{Control, Entry, Plan, Stage, no_argument};
use crate::equalise::hold_multipliers;

pub(super) const ENTRY: Entry = Entry {
    name: "hold",
    grammar: "hold",
    summary: "hold all ELRs equal at every step by per-layer rates (T23)",
    build: |argument| {
        no_argument(argument)?;
        Ok(Box::new(Hold))
    },
};

#[derive(Debug)]
struct Hold;

impl Control for Hold {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn decide(&self, _step: usize, plan: &mut Plan) {
        plan.multiply_by(hold_multipliers(&plan.elrs));
    }
}
