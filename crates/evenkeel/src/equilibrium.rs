//! Where weight decay and growth meet (T18, T19).
//!
//! Eliminating the buffer, every optimiser here makes the weight a filtered sequence of
//! uncorrelated gradients, `w″ = φ₁w′ + φ₂w + e′ + θe` with `e = −λ·gain·g`. At equilibrium
//! gradients have a steady length, the sequence is stationary, and its autocovariances
//! `R₀ = ⟨w,w⟩` and `R₁ = ⟨w,w′⟩` are those of an ARMA(2,1) process.

use crate::flow::Flow;
use crate::measure::Measure;
use crate::quantity::{Elr, LearningRate, Momentum, Turn};

/// The state to which every layer under weight decay tends, whatever its ELR at the start.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Equilibrium {
    /// `λE`, with the ELR by the optimiser's measure.
    pub tangent: f64,
    /// The angle between successive weights.
    pub turn: Turn,
}

impl Equilibrium {
    /// The equilibrium ELR at rate λ; `None` for a zero rate.
    pub fn elr(&self, lr: LearningRate) -> Option<Elr> {
        Elr::new(self.tangent / lr.get()).ok()
    }
}

/// An optimiser as a filter from gradients to weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Filter {
    /// `φ₂`.
    pub second: f64,
    /// `1 − φ₁ − φ₂`, given apart because it is small: what decay takes off.
    pub gap: f64,
    /// `θ`.
    pub echo: f64,
    /// What the newest gradient is multiplied by, besides λ.
    pub gain: f64,
}

impl Filter {
    /// With `σ² = ‖e‖²`: `R₀(1 + φ₂)((1 − φ₂)² − φ₁²) = σ²((1 + θ²)(1 − φ₂) + 2θφ₁)` and
    /// `R₁(1 − φ₂) = φ₁R₀ + θσ²`. Then `(λE)² = σ²/(gain²R₀)` and `cos(turn) = R₁/R₀`.
    pub(crate) fn equilibrium(self) -> Option<Equilibrium> {
        let (back, first) = (1.0 - self.second, 1.0 - self.second - self.gap);
        let restoring = (1.0 + self.second) * self.gap * (back + first);
        let exciting = (1.0 + self.echo.powi(2)) * back + 2.0 * self.echo * first;
        // The poles are within the unit circle.
        let stable = self.gap > 0.0 && back + first > 0.0 && self.second.abs() < 1.0;
        let inverse = restoring / exciting;
        stable.then(|| Equilibrium {
            tangent: inverse.sqrt() / self.gain,
            turn: Turn::from_versine((self.gap - self.echo * inverse) / back),
        })
    }

    /// For small steps the buffer is only a delay: growth by the filter's gain for steady
    /// gradients, decay by the distance of its slow pole from 1. Both are kept finite.
    pub(crate) fn flow(self, lr: LearningRate, memory: Momentum, measure: Measure) -> Flow {
        let fresh = 1.0 - memory.get();
        Flow {
            lr: (lr.get() * (self.gain * (1.0 + self.echo) / fresh)).min(f64::MAX),
            decay: (self.gap / fresh).min(f64::MAX),
            measure,
        }
    }
}
