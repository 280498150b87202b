//! Hold all ELRs equal at every step by per-layer rates (T23), at once or gently.
//!
//! The gentle form moves the logarithm of each multiplier only by a fraction `f` of the way to what
//! this step's batch asks for, `ln m′ = (1 − f) ln m + f ln(Ē/E)`, and so averages the noise of about
//! `1/f` batches. It starts with what the first batch asks for.

use super::{Control, Entry, Moment, Plan, Stage};
use crate::equalise::hold_multipliers;
use crate::quantity::LrMultiplier;

pub(super) const ENTRY: Entry = Entry {
    name: "hold",
    grammar: "hold[:FRACTION]",
    summary: "hold all ELRs equal at every step by per-layer rates (T23); gently, by FRACTION of the way",
    build: |argument| match argument.map_or(Ok(1.0), str::parse) {
        Ok(fraction) if fraction > 0.0 && fraction <= 1.0 => Ok(Box::new(Hold { fraction })),
        _ => Err(
            "write hold, or hold:FRACTION with a fraction above 0 and at most 1, such as hold:0.1"
                .into(),
        ),
    },
};

#[derive(Debug)]
struct Hold {
    fraction: f64,
}

impl Control for Hold {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn sets_steps(&self) -> bool {
        true
    }

    fn remembers(&self) -> bool {
        self.fraction < 1.0
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        let mut multipliers = hold_multipliers(&plan.elrs);
        if self.remembers() {
            for (asked, before) in multipliers.iter_mut().zip(moment.multipliers) {
                *asked = self.towards(*asked, *before);
            }
        }
        plan.multiply_by(multipliers);
    }
}

impl Hold {
    fn towards(&self, asked: LrMultiplier, before: LrMultiplier) -> LrMultiplier {
        let (asked, before) = (asked.get().ln(), before.get().ln());
        LrMultiplier::from_ln(before + self.fraction * (asked - before))
    }
}
