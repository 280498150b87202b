//! Hold ELRs within a band around their mean by per-layer rates (T30): equal where they would be far apart, free
//! where they are not; equal throughout while weights have turned so far and no further.

use std::ops::Range;

use super::{Control, Entry, Moment, Plan, Stage, numbers};
use crate::equalise::within_multipliers;

pub(super) const ENTRY: Entry = Entry {
    name: "within",
    grammar: "within:DECADES[:RADIANS[:FROM]]",
    summary: "hold ELRs within so many decades, half above their mean and half below (T30); equal until weights have turned RADIANS, but not before FROM",
    build: |argument| match argument.and_then(read) {
        Some(within) => Ok(Box::new(within)),
        None => Err(format!(
            "write within:DECADES, within:DECADES:RADIANS or within:DECADES:RADIANS:FROM with numbers from 0 to {MOST}, FROM at most \
             RADIANS, such as within:0.5:1"
        )),
    },
};

/// More than ELRs of 64 bits can be apart.
const MOST: f64 = 1000.0;

fn read(argument: &str) -> Option<Within> {
    let (decades, radians, from) = match numbers(argument, |x| (0.0..=MOST).contains(&x))?[..] {
        [decades] => (decades, 0.0, 0.0),
        [decades, radians] => (decades, radians, 0.0),
        [decades, radians, from] if from <= radians => (decades, radians, from),
        _ => return None,
    };
    Some(Within {
        decades,
        equal: from..radians,
    })
}

#[derive(Debug)]
struct Within {
    decades: f64,
    /// How far weights have turned, summed over steps, while all ELRs are held equal: in radians.
    equal: Range<f64>,
}

impl Control for Within {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn sets_steps(&self) -> bool {
        true
    }

    fn remembers(&self) -> bool {
        !self.equal.is_empty()
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        let decades = match self.equal.contains(&moment.path) {
            true => 0.0,
            false => self.decades,
        };
        plan.multiply_by(within_multipliers(&plan.elrs, decades));
    }
}
