//! Equalise once, before the first step, by rescaling the weights (T22).

use super::{Control, Entry, Moment, Plan, Stage, no_argument};
use crate::equalise::rescale_factors_for;

pub(super) const ENTRY: Entry = Entry {
    name: "rescale",
    grammar: "rescale",
    summary: "equalise all ELRs once at step 0 by rescaling weights; the function stays (T22)",
    build: |argument| {
        no_argument(argument)?;
        Ok(Box::new(Rescale))
    },
};

#[derive(Debug)]
struct Rescale;

impl Control for Rescale {
    fn stage(&self) -> Stage {
        Stage::Weights
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        if moment.step == 0 {
            plan.rescale_by(rescale_factors_for(plan.measure, &plan.elrs));
        }
    }
}
