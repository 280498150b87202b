//! What a host measures of one layer or unit in one step.

use crate::quantity::{Elr, LearningRate};

/// The norm of a weight and how fast it learns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// `‖W‖` before the step.
    pub weight_norm: f64,
    /// The ELR at the schedule's rate: `‖∇W‖/‖W‖`, or `‖ΔW‖/(λ‖W‖)` of an update. `None` for a part
    /// that is dead in this step.
    pub elr: Option<Elr>,
    /// The cosine between the weight and its update, from −1 to 1. 0 for the gradient of a
    /// scale-invariant weight (T1). Updates with momentum or decay are not orthogonal; given their
    /// cosine, controls act on the angle of the step instead of its length.
    pub cosine: f64,
}

/// Tangents beyond this are right angles.
const LARGEST_TANGENT: f64 = 1e12;

impl Reading {
    /// From `‖W‖` and `‖∇W‖`, or `‖ΔW‖/λ`. Numbers that give no ELR make a dead part: zero, NaN or
    /// infinity.
    pub fn of_norms(weight_norm: f64, step_norm: f64) -> Self {
        Self {
            weight_norm,
            elr: Elr::new(step_norm / weight_norm).ok(),
            cosine: 0.0,
        }
    }

    /// The same with the cosine between the weight and its update; a cosine that is none counts as 0.
    #[must_use]
    pub fn with_cosine(self, cosine: f64) -> Self {
        let cosine = match cosine.is_finite() {
            true => cosine.clamp(-1.0, 1.0),
            false => 0.0,
        };
        Self { cosine, ..self }
    }

    /// The tangent of the angle by which the whole step at rate λ turns the weight, over λ. For an
    /// orthogonal step this is its ELR.
    pub(super) fn elr_at(&self, lr: LearningRate) -> Option<Elr> {
        let elr = self.elr?;
        if self.cosine == 0.0 {
            return Some(elr);
        }
        let (length, lr) = (lr.get() * elr.get(), lr.get());
        let (along, across) = (1.0 + length * self.cosine, self.sine());
        let tangent = match along > 0.0 {
            true => (length * across / along).min(LARGEST_TANGENT),
            false => LARGEST_TANGENT,
        };
        Elr::new(if lr > 0.0 {
            tangent / lr
        } else {
            elr.get() * across
        })
        .ok()
    }

    /// The fraction of the whole step that turns the weight by an angle of this tangent; `length` is
    /// the length of the whole step over the weight's.
    pub(super) fn fraction_for(&self, tangent: f64, length: f64) -> f64 {
        let across = self.sine() - tangent * self.cosine;
        match across > 0.0 {
            true => tangent / (length * across),
            // No fraction of a step that runs along the weight turns it so far.
            false => 1.0,
        }
    }

    fn sine(&self) -> f64 {
        ((1.0 - self.cosine) * (1.0 + self.cosine)).sqrt()
    }
}
