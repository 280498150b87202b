//! The usual linear warm-up, to compare with: `λ_t = target·(t + 1)/N` for the first `N` steps.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, shared};
use super::{Control, ControlError, Decision, Stage, StepContext};
use crate::quantity::LearningRate;

pub(super) const ENTRY: Entry = Entry {
    name: "linear",
    grammar: "linear:STEPS",
    summary: "the usual linear warm-up over STEPS steps",
    build: |argument| {
        let steps = argument.and_then(|steps| steps.parse().ok());
        let control = steps.and_then(|steps| Linear::over(steps).ok());
        control.map(shared).ok_or_else(|| {
            "write linear:STEPS with a whole number of steps from 1, such as linear:100".to_owned()
        })
    },
};

/// Raises the rate linearly over the first steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    steps: u32,
}

impl Linear {
    /// A warm-up over this many steps.
    ///
    /// # Errors
    /// [`ControlError::Setting`] for no step.
    pub fn over(steps: u32) -> Result<Self, ControlError> {
        match steps {
            0 => Err(ControlError::Setting {
                setting: "the length of a linear warm-up",
                value: 0.0,
                permitted: "a whole number of steps from 1",
            }),
            steps => Ok(Self { steps }),
        }
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linear:{}", self.steps)
    }
}

impl Control for Linear {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn decide(&self, context: &StepContext, decision: &mut Decision) {
        let fraction = ((context.step as f64 + 1.0) / f64::from(self.steps)).min(1.0);
        let rate = LearningRate::new(decision.target().get() * fraction);
        decision.cap(rate.expect("a fraction of a valid rate is a valid rate"));
    }
}
