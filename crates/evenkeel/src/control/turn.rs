//! A cap on how far layers turn: `λ_t = min(target_t, τ/E_max)`.
//!
//! A step of plain SGD turns a weight by `arctan(λE)` (T1). `τ = 1` is the critical warm-up by
//! `no-overshoot` (T11), and a smaller tangent its trust factor.

use super::{Control, Entry, Moment, Plan, Stage};
use crate::convergence::extremes;
use crate::quantity::{Elr, LearningRate};

pub(super) const ENTRY: Entry = Entry {
    name: "turn",
    grammar: "turn:TANGENT",
    summary: "no layer turns further than that in a step; turn:1 is critical, hold+turn:0.01 begins gently",
    build: |argument| match argument.and_then(|tangent| Elr::new(tangent.parse().ok()?).ok()) {
        Some(tangent) => Ok(Box::new(Turn { tangent })),
        None => Err("write turn:TANGENT with a number above 0, such as turn:0.1".into()),
    },
};

#[derive(Debug)]
struct Turn {
    /// The largest relative step: the ELR that a rate of 1 would take.
    tangent: Elr,
}

impl Control for Turn {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn needs_elrs(&self) -> bool {
        true
    }

    fn decide(&self, _moment: &Moment, plan: &mut Plan) {
        if let Some((_, fastest)) = extremes(&plan.elrs) {
            plan.cap(LearningRate::from_ln(self.tangent.ln() - fastest.ln()));
        }
    }
}
