//! A cap on how far layers turn: `λ_t = min(target_t, τ/E_max)`, where `τ` may grow as weights turn (T28, T32).
//!
//! A step of plain SGD turns a weight by `arctan(λE)` (T1). `τ = 1` is the critical warm-up by
//! `no-overshoot` (T11), and a smaller tangent its trust factor.

use super::{Control, Entry, Moment, Plan, Stage, numbers};
use crate::quantity::LearningRate;
use crate::spread::extremes;

pub(super) const ENTRY: Entry = Entry {
    name: "turn",
    grammar: "turn:TANGENT[:START:SHARE]",
    summary: "no layer turns further than TANGENT in a step, nor than START and a SHARE of how far weights have turned (T32); turn:1 is critical",
    build: |argument| match argument.and_then(read) {
        Some(turn) => Ok(Box::new(turn)),
        None => Err(PERMITTED.into()),
    },
};

const PERMITTED: &str = "write turn:TANGENT or turn:TANGENT:START:SHARE with numbers above 0, such as turn:0.1 or \
                         turn:0.1:0.001:0.05";

fn read(argument: &str) -> Option<Turn> {
    let (most, start, share) = match numbers(argument, |x| x.is_normal() && x > 0.0)?[..] {
        [most] => (most, most, 0.0),
        [most, start, share] => (most, start, share),
        _ => return None,
    };
    Some(Turn { most, start, share })
}

/// The largest tangent of a step: `min(most, start + share·P)` once weights have turned by `P` radians.
#[derive(Debug)]
struct Turn {
    most: f64,
    start: f64,
    share: f64,
}

impl Control for Turn {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn needs_elrs(&self) -> bool {
        true
    }

    fn remembers(&self) -> bool {
        self.share > 0.0
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        if let Some((_, fastest)) = extremes(&plan.elrs) {
            let tangent = self.most.min(self.start + self.share * moment.path);
            plan.cap(LearningRate::from_ln(tangent.ln() - fastest.ln()));
        }
    }
}
