//! What controls know of a step, and what they decide about it.

use crate::equalise;
use crate::optimizer::Measure;
use crate::quantity::{Elr, Growth, LearningRate, LrMultiplier, RescaleFactor};
use crate::turning::mean_angle;

/// What went before a step: all that controls remember.
///
/// Vectors have one entry for each ELR of the step, or are empty before the first step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepContext {
    /// The step, counted from 0.
    pub step: u64,
    /// Which ELRs are given: those of gradients or of updates.
    pub measure: Measure,
    /// The multipliers of the step before.
    pub multipliers: Vec<LrMultiplier>,
    /// The factor by which each weight's norm has grown since its first step (T25).
    pub growths: Vec<Growth>,
    /// The angle that weights have turned so far, in radians: summed over steps, mean over layers
    /// (T24's `P`).
    pub path: f64,
}

impl StepContext {
    /// The context of a step before which nothing happened.
    pub fn at(step: u64, measure: Measure) -> Self {
        Self {
            step,
            measure,
            multipliers: Vec::new(),
            growths: Vec::new(),
            path: 0.0,
        }
    }
}

/// The decision about one step while controls make it: first free, then narrowed by one after another.
///
/// Vectors have one entry for each layer or unit that has an ELR in this step.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    measure: Measure,
    target: LearningRate,
    lr: LearningRate,
    critical: Option<LearningRate>,
    rescale: Option<Vec<RescaleFactor>>,
    multipliers: Option<Vec<LrMultiplier>>,
    elrs: Vec<Elr>,
}

impl Decision {
    /// The decision that leaves everything as it is.
    pub(super) fn free(measure: Measure, elrs: Vec<Elr>, target: LearningRate) -> Self {
        Self {
            measure,
            target,
            lr: target,
            critical: None,
            rescale: None,
            multipliers: None,
            elrs,
        }
    }

    /// Which ELRs these are: it decides how they change when weights are rescaled.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// The rate that the schedule asks for.
    pub fn target(&self) -> LearningRate {
        self.target
    }

    /// The rate to use, at most the target.
    pub fn lr(&self) -> LearningRate {
        self.lr
    }

    /// The critical rate at the ELRs as they act, by the policy in use; `None` without ELRs, and
    /// before the stage [`Stage::Rate`](super::Stage::Rate).
    pub fn critical(&self) -> Option<LearningRate> {
        self.critical
    }

    /// The factors by which weights are multiplied before the step, their gradients by the inverse
    /// (T22).
    pub fn rescale_factors(&self) -> Option<&[RescaleFactor]> {
        self.rescale.as_deref()
    }

    /// The multipliers of the layers' rates (T23).
    pub fn multipliers(&self) -> Option<&[LrMultiplier]> {
        self.multipliers.as_deref()
    }

    /// The ELRs as they act so far: after rescaling, with multipliers.
    pub fn elrs(&self) -> &[Elr] {
        &self.elrs
    }

    /// Whether the rate is held below its target.
    pub fn is_capped(&self) -> bool {
        self.lr < self.target
    }

    /// Whether nothing is rescaled and no layer has a rate of its own.
    pub fn leaves_elrs(&self) -> bool {
        self.rescale.is_none() && self.multipliers.is_none()
    }

    /// The angle by which the step turns layers, in radians, mean over them ([`mean_angle`]).
    pub fn mean_angle(&self) -> f64 {
        mean_angle(self.elrs.iter().map(|elr| self.lr.get() * elr.get()))
    }

    /// Multiplies each weight by its factor before the step.
    ///
    /// # Panics
    /// If there is not one factor for each ELR.
    pub fn rescale(&mut self, factors: Vec<RescaleFactor>) {
        assert_eq!(factors.len(), self.elrs.len(), "one factor for each ELR");
        for (elr, factor) in self.elrs.iter_mut().zip(&factors) {
            *elr = equalise::rescaled_for(self.measure, *elr, *factor);
        }
        self.rescale = Some(match self.rescale.take() {
            Some(before) => before
                .into_iter()
                .zip(factors)
                .map(|(one, other)| one.then(other))
                .collect(),
            None => factors,
        });
    }

    /// Multiplies the rate of each layer. A control composed with others of its stage is refused, so
    /// this happens once.
    ///
    /// # Panics
    /// If there is not one multiplier for each ELR.
    pub fn multiply(&mut self, multipliers: Vec<LrMultiplier>) {
        assert_eq!(
            multipliers.len(),
            self.elrs.len(),
            "one multiplier for each ELR"
        );
        for (elr, multiplier) in self.elrs.iter_mut().zip(&multipliers) {
            *elr = equalise::acting(*elr, *multiplier);
        }
        self.multipliers = Some(multipliers);
    }

    /// Lowers the rate to `limit` if it is above.
    pub fn cap(&mut self, limit: LearningRate) {
        self.lr = self.lr.min(limit);
    }

    pub(super) fn set_critical(&mut self, critical: Option<LearningRate>) {
        self.critical = critical;
    }
}
