//! Hold ELRs within a band around their mean by per-layer rates (T30): equal where they would be far apart, free
//! where they are not; equal throughout until weights have turned so far.

use super::{Control, Entry, Moment, Plan, Stage};
use crate::equalise::within_multipliers;

pub(super) const ENTRY: Entry = Entry {
    name: "within",
    grammar: "within:DECADES[:RADIANS]",
    summary: "hold ELRs within so many decades, half above their mean and half below (T30); equal until weights have turned RADIANS",
    build: |argument| match argument.and_then(read) {
        Some(within) => Ok(Box::new(within)),
        None => Err(format!(
            "write within:DECADES or within:DECADES:RADIANS with numbers from 0 to {MOST}, such as within:0.5:1"
        )),
    },
};

/// More than ELRs of 64 bits can be apart.
const MOST: f64 = 1000.0;

fn read(argument: &str) -> Option<Within> {
    let (decades, radians) = argument.split_once(':').unwrap_or((argument, "0"));
    let number = |text: &str| text.parse().ok().filter(|x| (0.0..=MOST).contains(x));
    Some(Within {
        decades: number(decades)?,
        radians: number(radians)?,
    })
}

#[derive(Debug)]
struct Within {
    decades: f64,
    /// How far weights turn, summed over steps, before the band opens.
    radians: f64,
}

impl Control for Within {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn sets_steps(&self) -> bool {
        true
    }

    fn remembers(&self) -> bool {
        self.radians > 0.0
    }

    fn decide(&self, moment: &Moment, plan: &mut Plan) {
        let decades = match moment.path < self.radians {
            true => 0.0,
            false => self.decades,
        };
        plan.multiply_by(within_multipliers(&plan.elrs, decades));
    }
}
