//! What a host is to do in one step.

use std::sync::Arc;

use super::Reading;
use crate::control::Decision;
use crate::optimizer::Measure;
use crate::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor};

/// What to do in one step. Vectors have one entry for each part of the layers, dead ones included.
/// Equal vectors are shared, because units are many.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Which ELRs these are.
    pub measure: Measure,
    /// The rate that the schedule asks for.
    pub target: LearningRate,
    /// The rate to use for everything without a multiplier: at most the target.
    pub lr: LearningRate,
    /// The critical rate at the acting ELRs; `None` when every part is dead.
    pub critical: Option<LearningRate>,
    /// The ELRs as they stood; `None` for a dead part.
    pub raw: Arc<[Option<Elr>]>,
    /// The ELRs as they would have acted under the multipliers of the step before. Equal to `raw`
    /// without multipliers.
    pub before_hold: Arc<[Option<Elr>]>,
    /// The ELRs as they act in this step.
    pub acting: Arc<[Option<Elr>]>,
    /// Multiply the rate of each part by its multiplier (T23). A dead part keeps the one it had.
    pub multipliers: Arc<[LrMultiplier]>,
    /// Multiply each weight by its factor before the step, and its gradient by the inverse (T22).
    pub factors: Arc<[RescaleFactor]>,
    /// The fraction that each part takes of the step that the optimiser makes at the target rate:
    /// `λ/λ_target` times the multiplier, corrected for steps that are not orthogonal to their weight.
    pub fractions: Arc<[f64]>,
    /// Whether any weight is to be rescaled.
    pub rescales: bool,
    /// Whether multipliers were decided in this step.
    pub multiplies: bool,
    /// The angle by which the step turns layers, in radians, mean over those that are alive.
    pub mean_angle: f64,
}

impl Plan {
    /// Whether the rate is held below its target.
    pub fn is_capped(&self) -> bool {
        self.lr < self.target
    }

    /// Whether ELRs act as they are: nothing is rescaled and no multiplier is decided.
    pub fn leaves_elrs(&self) -> bool {
        !self.rescales && !self.multiplies
    }

    /// The fraction of the target rate that is used; 1 for a target of 0.
    pub fn fraction(&self) -> f64 {
        fraction(self.lr, self.target)
    }
}

fn fraction(lr: LearningRate, target: LearningRate) -> f64 {
    match target.get() > 0.0 {
        true => lr.get() / target.get(),
        false => 1.0,
    }
}

/// The fraction of its whole step that each part takes.
pub(super) fn fractions(
    readings: &[Reading],
    multipliers: &[LrMultiplier],
    decision: &Decision,
) -> Arc<[f64]> {
    let (target, capped) = (
        decision.target(),
        fraction(decision.lr(), decision.target()),
    );
    let acts = decision.is_capped() || decision.multipliers().is_some();
    let of_part = |(reading, multiplier): (&Reading, &LrMultiplier)| {
        let plain = capped * multiplier.get();
        match (reading.elr, reading.elr_at(target)) {
            (Some(length), Some(elr)) if acts && reading.cosine != 0.0 => {
                let tangent = plain * target.get() * elr.get();
                reading.fraction_for(tangent, target.get() * length.get())
            }
            _ => plain,
        }
    };
    readings.iter().zip(multipliers).map(of_part).collect()
}
