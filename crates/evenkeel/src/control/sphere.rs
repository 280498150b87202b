//! Keep each weight on the sphere it started on, `W_l → W_l σ_l(0)/σ_l` before every step (T25).
//!
//! The function stays as it is and so do ELRs, up to what base gradients do: nothing evens out and
//! nothing anneals. With `hold` beside it every layer turns by the same angle, too, at the mean ELR
//! that the network has on its spheres.

use super::{Control, Entry, Moment, Plan, Stage, no_argument};
use crate::equalise::to_sphere;

pub(super) const ENTRY: Entry = Entry {
    name: "sphere",
    grammar: "sphere",
    summary: "scale weights back to the norms they started with at every step; ELRs neither even out nor anneal (T25)",
    build: |argument| {
        no_argument(argument)?;
        Ok(Box::new(Sphere))
    },
};

#[derive(Debug)]
struct Sphere;

impl Control for Sphere {
    fn stage(&self) -> Stage {
        Stage::Weights
    }

    fn remembers(&self) -> bool {
        true
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        // None before the first step, which says where the spheres are.
        if !moment.growths.is_empty() {
            plan.rescale_by(moment.growths.iter().map(|g| to_sphere(*g)).collect());
        }
    }
}
