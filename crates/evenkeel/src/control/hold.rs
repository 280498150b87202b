//! Hold all ELRs equal at every step by per-layer rates (T23), at once or gently.
//!
//! The gentle form moves the logarithm of each multiplier only by a fraction `f` of the way to what
//! this step's batch asks for, `ln m′ = (1 − f) ln m + f ln(Ē/E)`, and so averages the noise of about
//! `1/f` batches. It starts with what the first batch asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, shared};
use super::{Control, ControlError, Decision, Stage, StepContext};
use crate::equalise::hold_multipliers;
use crate::quantity::LrMultiplier;

pub(super) const ENTRY: Entry = Entry {
    name: "hold",
    grammar: "hold[:FRACTION]",
    summary: "hold all ELRs equal at every step by per-layer rates (T23); gently, by FRACTION of the way",
    build: |argument| {
        let fraction = argument.map_or(Ok(1.0), str::parse);
        let control = fraction
            .ok()
            .and_then(|fraction| Hold::gently(fraction).ok());
        control.map(shared).ok_or_else(|| {
            "write hold, or hold:FRACTION with a fraction above 0 and at most 1, such as hold:0.1"
                .to_owned()
        })
    },
};

/// Holds all ELRs equal by multiplying the rates of layers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    fraction: f64,
}

impl Default for Hold {
    /// At once: equal at every step.
    fn default() -> Self {
        Self { fraction: 1.0 }
    }
}

impl Hold {
    /// Moves multipliers only by `fraction` of the way in each step.
    ///
    /// # Errors
    /// [`ControlError::Setting`] outside of `(0, 1]`.
    pub fn gently(fraction: f64) -> Result<Self, ControlError> {
        match fraction > 0.0 && fraction <= 1.0 {
            true => Ok(Self { fraction }),
            false => Err(ControlError::Setting {
                setting: "the fraction of `hold`",
                value: fraction,
                permitted: "above 0 and at most 1",
            }),
        }
    }

    /// The multiplier between the one `before` and the one that is `asked` for.
    fn towards(&self, asked: LrMultiplier, before: LrMultiplier) -> LrMultiplier {
        let (asked, before) = (asked.get().ln(), before.get().ln());
        LrMultiplier::from_ln(before + self.fraction * (asked - before))
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fraction < 1.0 {
            true => write!(f, "hold:{}", self.fraction),
            false => f.write_str("hold"),
        }
    }
}

impl Control for Hold {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn sets_step_lengths(&self) -> bool {
        true
    }

    fn decide(&self, context: &StepContext, decision: &mut Decision) {
        let mut multipliers = hold_multipliers(decision.elrs());
        if self.fraction < 1.0 {
            for (asked, before) in multipliers.iter_mut().zip(&context.multipliers) {
                *asked = self.towards(*asked, *before);
            }
        }
        decision.multiply(multipliers);
    }
}
