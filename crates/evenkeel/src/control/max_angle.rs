//! A cap on the angle of one step: `λ_t = min(target_t, tan θ/E_max)`, where `θ` may grow as weights
//! turn (T28, T32).
//!
//! A step of plain SGD turns a weight by `arctan(λE)` (T1). `θ = π/4` is the critical warm-up by
//! `no-overshoot` (T11).

use std::f64::consts::FRAC_PI_2;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, numbers, shared};
use super::{Control, ControlError, Decision, Stage, StepContext};
use crate::quantity::LearningRate;
use crate::spread::extremes;

pub(super) const ENTRY: Entry = Entry {
    name: "max-angle",
    grammar: "max-angle:RADIANS[:START:FRACTION]",
    summary: "no layer turns further than RADIANS in a step, nor than START plus FRACTION of how far weights have turned (T32)",
    build: |argument| {
        let control = match argument.and_then(numbers).as_deref() {
            Some(&[most]) => MaxAngle::new(most).ok(),
            Some(&[most, start, fraction]) => MaxAngle::growing(most, start, fraction).ok(),
            _ => None,
        };
        control.map(shared).ok_or_else(|| {
            "write max-angle:RADIANS or max-angle:RADIANS:START:FRACTION with angles above 0 and below \
             pi/2 and a fraction above 0, such as max-angle:0.1 or max-angle:0.1:0.001:0.05"
                .to_owned()
        })
    },
};

/// Caps the rate so that no layer turns further than an angle in one step.
///
/// The angle is `min(most, start + fraction·P)` once weights have turned by `P` radians.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaxAngle {
    most: f64,
    start: f64,
    fraction: f64,
}

impl MaxAngle {
    /// A fixed angle in radians.
    ///
    /// # Errors
    /// [`ControlError::Setting`] for an angle that is not above 0 and below π/2.
    pub fn new(radians: f64) -> Result<Self, ControlError> {
        Ok(Self {
            most: angle("the angle of `max-angle`", radians)?,
            start: radians,
            fraction: 0.0,
        })
    }

    /// An angle that begins at `start` and grows by `fraction` of the angle that weights have turned,
    /// up to `most`; all in radians.
    ///
    /// # Errors
    /// [`ControlError::Setting`] for an angle that is not above 0 and below π/2, or a fraction that is
    /// not above 0.
    pub fn growing(most: f64, start: f64, fraction: f64) -> Result<Self, ControlError> {
        if !(fraction.is_normal() && fraction > 0.0) {
            return Err(ControlError::Setting {
                setting: "the fraction of `max-angle`",
                value: fraction,
                permitted: "above 0 and finite",
            });
        }
        Ok(Self {
            most: angle("the angle of `max-angle`", most)?,
            start: angle("the first angle of `max-angle`", start)?,
            fraction,
        })
    }
}

fn angle(setting: &'static str, value: f64) -> Result<f64, ControlError> {
    match value.is_normal() && value > 0.0 && value < FRAC_PI_2 {
        true => Ok(value),
        false => Err(ControlError::Setting {
            setting,
            value,
            permitted: "above 0 and below π/2",
        }),
    }
}

impl fmt::Display for MaxAngle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            most,
            start,
            fraction,
        } = self;
        match *fraction > 0.0 {
            true => write!(f, "max-angle:{most}:{start}:{fraction}"),
            false => write!(f, "max-angle:{most}"),
        }
    }
}

impl Control for MaxAngle {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn needs_elrs(&self) -> bool {
        true
    }

    fn decide(&self, context: &StepContext, decision: &mut Decision) {
        if let Some((_, fastest)) = extremes(decision.elrs()) {
            let angle = self.most.min(self.start + self.fraction * context.path);
            decision.cap(LearningRate::from_ln(angle.tan().ln() - fastest.ln()));
        }
    }
}
