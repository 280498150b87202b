//! Keep each weight on the sphere it started on, `W_l → W_l σ_l(0)/σ_l` before every step (T25).
//!
//! The function stays as it is and so do ELRs, up to what base gradients do: nothing evens out and
//! nothing anneals. With `hold` beside it every layer turns by the same angle, too, at the mean ELR
//! that the network has on its spheres.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, no_argument, shared};
use super::{Control, Decision, Stage, StepContext};
use crate::equalise::to_sphere;

pub(super) const ENTRY: Entry = Entry {
    name: "sphere",
    grammar: "sphere",
    summary: "scale weights back to the norms they started with at every step; ELRs neither even out nor anneal (T25)",
    build: |argument| no_argument(argument).map(|()| shared(Sphere)),
};

/// Scales each weight back to its first norm before every step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sphere;

impl fmt::Display for Sphere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sphere")
    }
}

impl Control for Sphere {
    fn stage(&self) -> Stage {
        Stage::Weights
    }

    fn decide(&self, context: &StepContext, decision: &mut Decision) {
        // There are no growths before the first step, which says where the spheres are.
        if !context.growths.is_empty() {
            decision.rescale(context.growths.iter().map(|g| to_sphere(*g)).collect());
        }
    }
}
