//! One layer between two steps, and the step that is common to all optimisers.

use super::Measure;
use super::normalized::Memory;
use crate::quantity::{Elr, GradientScale, LearningRate, RescaleFactor, Turn};
use crate::vector::Vector;

/// One scale-invariant layer under an optimiser.
///
/// Weights are measured in units of their own norm, so the norm itself appears nowhere: with the
/// base gradient `c` as unit, `A = ‖w‖² = 1/E`, `B = ⟨w,m⟩ = b/E` and `M = ‖m‖² = |m|²/E`, where
/// `m = (b, ·)` is the buffer kept here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerState {
    elr: Elr,
    /// SGD-type: the buffer over `‖w‖`, a rate like an ELR. Adam-type: the bias-corrected first
    /// moment over the root of the second, whose length is the RMS of the update.
    pub(super) buffer: Vector,
    /// Adam-type: the gradient's RMS over the root of the bias-corrected second moment.
    pub(super) surprise: f64,
    /// Steps taken, for bias correction.
    pub(super) steps: u32,
    /// Lion and Muon: how updates remember each other.
    pub(super) memory: Memory,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The layer after it.
    pub layer: LayerState,
    /// The angle between the weights before and after.
    pub turn: Turn,
    /// The ELR of the gradient part of the update, `‖u‖/‖w‖` for `w′ = (1 − λγ)w − λu`, with both
    /// norms before the step. Zero if nothing moves the weight.
    pub update: f64,
}

/// Where a step takes the weight, in units of its norm before.
pub(super) struct Move {
    /// The direction of the weight after the step.
    axis: Vector,
    /// `‖w′‖/‖w‖`.
    growth: f64,
    turn: Turn,
    update: f64,
    /// `k` and `λ‖u‖`, both over the weight after the step.
    kept: f64,
    moved: f64,
}

/// Turns beyond this tangent are right angles, and norms beyond leave the numbers anyway.
const LARGEST_TANGENT: f64 = 1e300;

impl Move {
    /// `w′ = kw − λu` with `k = 1 − shrinkage`.
    pub(super) fn of(shrinkage: f64, lr: LearningRate, update: Vector) -> Self {
        let keep = (1.0 - shrinkage).max(-LARGEST_TANGENT);
        let length = update.norm();
        let tangent = (lr.get() * length).min(LARGEST_TANGENT);
        let weight = Vector::new(keep, 0.0, 0.0).plus(update.unit().times(-tangent));
        let growth = weight.norm().max(f64::MIN_POSITIVE);
        Self {
            axis: weight.unit(),
            growth,
            turn: Turn::of(weight.along(), weight.across()),
            update: length,
            kept: keep / growth,
            moved: tangent / growth,
        }
    }

    /// `‖w′‖/‖w‖`.
    pub(super) fn growth(&self) -> f64 {
        self.growth
    }

    /// The factor of the old weight's direction in the new one's.
    pub(super) fn kept(&self) -> f64 {
        self.kept
    }

    /// The factor of the update's direction in the new weight's.
    pub(super) fn moved(&self) -> f64 {
        self.moved
    }
}

impl LayerState {
    pub(super) fn fresh(elr: Elr) -> Self {
        Self {
            elr,
            buffer: Vector::default(),
            surprise: 1.0,
            steps: 0,
            memory: Memory::default(),
        }
    }

    pub(super) fn remembering(elr: Elr, memory: Memory) -> Self {
        Self {
            memory,
            ..Self::fresh(elr)
        }
    }

    /// The ELR by the optimiser's measure: `c/‖w‖²`, or for Adam-type that of an update of unit
    /// RMS, `√n/‖w‖`.
    pub fn elr(&self) -> Elr {
        self.elr
    }

    /// The ELR with which a gradient of this scale acts (T20). Adam-type updates do not depend on
    /// the scale, SGD-type ones are in proportion to it.
    pub fn elr_at(&self, scale: GradientScale, measure: Measure) -> Elr {
        match measure {
            Measure::Gradient => Elr::saturating(self.elr.get() * scale.get()),
            Measure::Update => self.elr,
        }
    }

    /// The buffer as `(⟨w,m⟩/‖w‖², ‖m‖/‖w‖)`; for Adam-type, with `m = m̂/√v̂` of mean square
    /// instead, `(⟨w,m⟩/(‖w‖√n), ‖m‖/√n)`; for Lion and Muon `(⟨w,m⟩/(‖w‖‖g‖), ‖m‖/‖g‖)`.
    pub fn momentum(&self) -> (f64, f64) {
        // A layer has one of the two; the other is zero.
        let (along, length) = self.memory.momentum();
        (along + self.buffer.along(), length + self.buffer.norm())
    }

    /// The gradient over `‖w‖`, with `decay` of the weight added.
    pub(super) fn gradient(&self, decay: f64, scale: GradientScale) -> Vector {
        Vector::new(decay, 0.0, self.elr.get() * scale.get())
    }

    /// SGD-type: moves on, with the buffer as the step left it.
    pub(super) fn moved(&self, to: Move, buffer: Vector) -> Step {
        let mut next = self.grown(&to, Measure::Gradient);
        next.buffer = buffer.seen_from(to.axis).times(to.growth.recip());
        Step::new(next, &to)
    }

    /// Adam-type: moves on. Both moments keep their length, while the next gradient is shorter.
    pub(super) fn moved_normalized(&self, to: Move, buffer: Vector, surprise: f64) -> Step {
        let mut next = self.grown(&to, Measure::Update);
        next.buffer = buffer.seen_from(to.axis);
        next.surprise = (surprise / to.growth).min(f64::MAX);
        Step::new(next, &to)
    }

    /// Lion and Muon: moves on, with the memory as the step left it.
    pub(super) fn moved_with(&self, to: Move, memory: Memory) -> Step {
        let mut next = self.grown(&to, Measure::Update);
        next.memory = memory;
        Step::new(next, &to)
    }

    fn grown(&self, to: &Move, measure: Measure) -> Self {
        let once = self.elr.get() / to.growth;
        let next = match measure {
            // Dividing twice: the square of a large growth is no number.
            Measure::Gradient => once / to.growth,
            Measure::Update => once,
        };
        Self {
            elr: Elr::saturating(next),
            steps: self.steps.saturating_add(1),
            ..*self
        }
    }

    pub(super) fn rescaled(&self, factor: RescaleFactor, measure: Measure) -> Self {
        let a = factor.get();
        let (elr, buffer) = match measure {
            Measure::Gradient => (
                self.elr.get() / a / a,
                self.buffer.times(a.recip()).times(a.recip()),
            ),
            // The update does not depend on the gradient's length; both moments move together.
            Measure::Update => (self.elr.get() / a, self.buffer),
        };
        Self {
            elr: Elr::saturating(elr),
            buffer,
            ..*self
        }
    }
}

impl Step {
    fn new(layer: LayerState, to: &Move) -> Self {
        Self {
            layer,
            turn: to.turn,
            update: to.update,
        }
    }
}
