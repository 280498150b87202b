//! Equalise once, before the first step, by rescaling the weights (T22).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, no_argument, shared};
use super::{Control, Decision, Stage, StepContext};
use crate::equalise::rescale_factors_for;

pub(super) const ENTRY: Entry = Entry {
    name: "rescale",
    grammar: "rescale",
    summary: "equalise all ELRs once at step 0 by rescaling weights; the function stays (T22)",
    build: |argument| no_argument(argument).map(|()| shared(Rescale)),
};

/// Rescales weights once, at step 0, so that all ELRs are equal.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rescale;

impl fmt::Display for Rescale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rescale")
    }
}

impl Control for Rescale {
    fn stage(&self) -> Stage {
        Stage::Weights
    }

    fn decide(&self, context: &StepContext, decision: &mut Decision) {
        if context.step == 0 {
            decision.rescale(rescale_factors_for(decision.measure(), decision.elrs()));
        }
    }
}
