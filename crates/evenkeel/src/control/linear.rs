//! The usual linear warm-up, to compare with: `λ_t = target·(t + 1)/N` for the first `N` steps.

use super::{Control, Entry, Moment, Plan, Stage};
use crate::quantity::LearningRate;

pub(super) const ENTRY: Entry = Entry {
    name: "linear",
    grammar: "linear:STEPS",
    summary: "the usual linear warm-up over STEPS steps",
    build: |argument| match argument.and_then(|steps| steps.parse().ok()) {
        Some(steps) if steps > 0 => Ok(Box::new(Linear { steps })),
        _ => {
            Err("write linear:STEPS with a whole number of steps from 1, such as linear:100".into())
        }
    },
};

#[derive(Debug)]
struct Linear {
    steps: u32,
}

impl Control for Linear {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        let share = ((moment.step as f64 + 1.0) / f64::from(self.steps)).min(1.0);
        // A share of a valid rate is a valid rate; the cap leaves the plan alone otherwise.
        if let Ok(rate) = LearningRate::new(plan.target.get() * share) {
            plan.cap(rate);
        }
    }
}
