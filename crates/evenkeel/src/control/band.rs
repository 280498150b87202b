//! Hold ELRs within a band around their mean by per-layer rates (T30): equal where they would be far
//! apart, free where they are not.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, numbers, shared};
use super::{Control, ControlError, Decision, Stage, StepContext};
use crate::equalise::within_multipliers;

pub(super) const ENTRY: Entry = Entry {
    name: "band",
    grammar: "band:DECADES[:RADIANS[:FROM]]",
    summary: "hold ELRs within a band of DECADES around their mean (T30); equal until weights have turned RADIANS, but not before FROM",
    build: |argument| {
        let band =
            |decades, equal: Range<f64>| Band::new(decades).and_then(|band| band.equal(equal));
        let control = match argument.and_then(numbers).as_deref() {
            Some(&[decades]) => Band::new(decades).ok(),
            Some(&[decades, until]) => band(decades, 0.0..until).ok(),
            Some(&[decades, until, from]) => band(decades, from..until).ok(),
            _ => None,
        };
        control.map(shared).ok_or_else(|| {
            format!(
                "write band:DECADES, band:DECADES:RADIANS or band:DECADES:RADIANS:FROM with numbers \
                 from 0 to {MOST} and FROM at most RADIANS, such as band:0.5:1"
            )
        })
    },
};

/// More than ELRs of 64 bits can be apart.
const MOST: f64 = 1000.0;

/// Holds ELRs within a band, half of it above their mean and half below.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    decades: f64,
    /// The path of the weights, in radians, while all ELRs are held equal.
    equal: Range<f64>,
}

impl Band {
    /// A band of this width in decades.
    ///
    /// # Errors
    /// [`ControlError::Setting`] outside of 0 to 1000.
    pub fn new(decades: f64) -> Result<Self, ControlError> {
        Ok(Self {
            decades: in_range("the width of a band in decades", decades)?,
            equal: 0.0..0.0,
        })
    }

    /// The same band, with all ELRs held equal while the path of the weights is within `radians`: the
    /// angle that they have turned, summed over steps.
    ///
    /// # Errors
    /// [`ControlError::Setting`] outside of 0 to 1000, or for an end before the start.
    pub fn equal(self, radians: Range<f64>) -> Result<Self, ControlError> {
        let end = in_range("the end of equal ELRs in radians", radians.end)?;
        match (0.0..=end).contains(&radians.start) {
            true => Ok(Self {
                equal: radians,
                ..self
            }),
            false => Err(ControlError::Setting {
                setting: "the start of equal ELRs in radians",
                value: radians.start,
                permitted: "from 0 to the end",
            }),
        }
    }
}

fn in_range(setting: &'static str, value: f64) -> Result<f64, ControlError> {
    match (0.0..=MOST).contains(&value) {
        true => Ok(value),
        false => Err(ControlError::Setting {
            setting,
            value,
            permitted: "from 0 to 1000",
        }),
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            decades,
            equal: Range { start, end },
        } = self;
        match (*start > 0.0, *end > 0.0) {
            (true, _) => write!(f, "band:{decades}:{end}:{start}"),
            (false, true) => write!(f, "band:{decades}:{end}"),
            (false, false) => write!(f, "band:{decades}"),
        }
    }
}

impl Control for Band {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn sets_step_lengths(&self) -> bool {
        true
    }

    fn decide(&self, context: &StepContext, decision: &mut Decision) {
        let decades = match self.equal.contains(&context.path) {
            true => 0.0,
            false => self.decades,
        };
        decision.multiply(within_multipliers(decision.elrs(), decades));
    }
}
