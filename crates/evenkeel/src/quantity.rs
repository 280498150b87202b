//! The quantities of the theory, one type each, so that a norm cannot be passed for a rate.
//!
//! Every constructor checks its range once; the equations then need no checks of their own.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number outside the range of the quantity it was meant to be.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{quantity} is {value}, but must be {permitted}; {advice}")]
pub struct QuantityError {
    /// What the number was meant to be.
    pub quantity: &'static str,
    /// The number given.
    pub value: f64,
    /// The permitted range, in words.
    pub permitted: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

/// Declares a quantity: a checked `f64` with its range and advice.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $label:literal, $min:literal $(< $strict:ident)? $(, below $max:literal)? $(, up to $most:literal)?, $permitted:literal, $advice:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl TryFrom<f64> for $name {
            type Error = QuantityError;

            fn try_from(value: f64) -> Result<Self, QuantityError> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(quantity: $name) -> f64 {
                quantity.0
            }
        }

        impl $name {
            /// Checks `value` against the range of the quantity.
            ///
            /// # Errors
            /// [`QuantityError`] for NaN, infinities and values outside the permitted range.
            pub fn new(value: f64) -> Result<Self, QuantityError> {
                let above = value >= $min $(&& { let $strict = $min; value > $strict })?;
                let below = true $(&& value < $max)? $(&& value <= $most)?;
                if value.is_finite() && above && below {
                    Ok(Self(value))
                } else {
                    Err(QuantityError {
                        quantity: $label,
                        value,
                        permitted: $permitted,
                        advice: $advice,
                    })
                }
            }

            /// The bare number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// Whether all `values` are `one`, without a branch at each: units are many, and mostly they are.
pub fn all_are<T: PartialEq>(values: &[T], one: &T) -> bool {
    values.iter().fold(true, |all, value| all & (value == one))
}

quantity!(
    /// The learning rate λ of a step: the factor between gradient and weight change. Zero is
    /// permitted, because schedules end there.
    LearningRate, "learning rate", 0.0, "finite and at least 0",
    "give a rate such as 0.1"
);
quantity!(
    /// The share of a schedule's peak rate that a step gets.
    PeakShare, "share of the peak rate", 0.0, up to 1.0, "from 0 to 1",
    "divide all rates by the largest"
);
quantity!(
    /// The effective learning rate `E = ‖∇W‖/‖W‖` (T2), without the global λ. `λE` is the tangent
    /// of the angle by which a step of plain SGD turns `W`.
    Elr, "effective learning rate", 0.0 < bound, "finite and above 0",
    "a layer without gradient or without weight has no effective learning rate: leave it out"
);
quantity!(
    /// The norm `σ = ‖W‖` of a weight (square root of the sum of squares).
    WeightNorm, "weight norm", 0.0 < bound, "finite and above 0",
    "a zero weight has no direction to turn: leave the layer out or initialise it"
);
quantity!(
    /// The norm `‖∇W‖` of a gradient. Zero is permitted: a dead layer has it.
    GradientNorm, "gradient norm", 0.0, "finite and at least 0",
    "a non-finite gradient means that the loss has diverged: lower the learning rate"
);
quantity!(
    /// The factor `a` of a function-preserving rescaling `W → aW` (T22).
    RescaleFactor, "rescale factor", 0.0 < bound, "finite and above 0",
    "ELRs this far apart cannot be equalised in floating point: leave the layer out"
);
quantity!(
    /// The ratio `λ_l/λ` between a layer's learning rate and the network's (T23).
    LrMultiplier, "learning-rate multiplier", 0.0 < bound, "finite and above 0",
    "ELRs this far apart cannot be equalised in floating point: leave the layer out"
);

quantity!(
    /// The factor `σ_t/σ_0` by which a weight's norm has grown since its first step (T25).
    Growth, "growth of a weight", 0.0 < bound, "finite and above 0",
    "a weight that has vanished has no direction: leave the layer out"
);

quantity!(
    /// The momentum μ of a gradient buffer, or Adam's β₁ and β₂: the share of the old buffer that
    /// each step keeps.
    Momentum, "momentum", 0.0, below 1.0, "at least 0 and below 1",
    "give a share such as 0.9"
);
quantity!(
    /// The weight decay γ: a step at rate λ shrinks the weight by the share `λγ`.
    WeightDecay, "weight decay", 0.0, "finite and at least 0",
    "give a decay such as 0.0005"
);
quantity!(
    /// The factor `s_t` by which all base gradients of a network differ at step `t` from those at
    /// the start, as when the loss falls (T20).
    GradientScale, "gradient scale", 0.0, "finite and at least 0",
    "divide a step's typical gradient by that of the first step"
);
quantity!(
    /// The angle between a weight before and after a step, in radians from 0 to π.
    Turn, "turn", 0.0, "an angle in radians, at least 0",
    "measure the angle between the weights, not its cosine"
);

impl Momentum {
    /// No memory: each step sees its own gradient only.
    pub const NONE: Self = Self(0.0);
    /// The customary 0.9, for a gradient buffer and for Adam's β₁.
    pub const USUAL: Self = Self(0.9);
    /// The customary 0.999 of Adam's β₂ (Kingma & Ba 2015).
    pub const USUAL_SECOND: Self = Self(0.999);
    /// The customary momentum of Muon.
    pub const USUAL_OF_MUON: Self = Self(0.95);
    /// The customary β₂ of Lion.
    pub const USUAL_SECOND_OF_LION: Self = Self(0.99);
}

impl GradientScale {
    /// The scale of the start.
    pub const ONE: Self = Self(1.0);
    /// No gradient at all.
    pub const ZERO: Self = Self(0.0);

    /// A positive scale from its natural logarithm, kept within the normal numbers of `f64`.
    pub fn from_ln(ln: f64) -> Self {
        Self(ln.exp().clamp(f64::MIN_POSITIVE, f64::MAX))
    }
}

impl Turn {
    /// The angle of a plane vector `(along, across)` with its first axis.
    pub(crate) fn of(along: f64, across: f64) -> Self {
        Self(across.abs().atan2(along))
    }

    /// The angle whose cosine is `1 − versine`; exact for small angles, where `acos` is not.
    pub(crate) fn from_versine(versine: f64) -> Self {
        Self(2.0 * (0.5 * versine).clamp(0.0, 1.0).sqrt().asin())
    }

    /// The angle in degrees.
    pub fn degrees(self) -> f64 {
        self.0.to_degrees()
    }
}

impl Elr {
    /// An ELR from its natural logarithm, kept within the positive normal numbers of `f64`.
    pub fn from_ln(ln: f64) -> Self {
        Self::saturating(ln.exp())
    }

    /// A computed ELR, kept within the positive normal numbers of `f64`.
    pub fn saturating(value: f64) -> Self {
        Self(value.clamp(f64::MIN_POSITIVE, f64::MAX))
    }

    /// The natural logarithm `x = ln E`, on which every spread metric lives (T3).
    pub fn ln(self) -> f64 {
        self.0.ln()
    }
}

impl LearningRate {
    /// A positive rate from its natural logarithm, kept within the normal numbers of `f64`.
    pub fn from_ln(ln: f64) -> Self {
        Self(ln.exp().clamp(f64::MIN_POSITIVE, f64::MAX))
    }

    /// The smaller of two rates.
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// A share of this rate, from 0 to 1; what is outside counts as the nearer end.
    pub(crate) fn fraction(self, share: f64) -> Self {
        Self(self.0 * share.clamp(0.0, 1.0))
    }

    /// This rate times a multiplier.
    pub fn scaled(self, multiplier: LrMultiplier) -> Self {
        Self((self.0 * multiplier.0).min(f64::MAX))
    }
}

impl RescaleFactor {
    /// The factor that changes nothing.
    pub const ONE: Self = Self(1.0);
    /// A factor of two: a power of two, so that scaling by it rounds nothing.
    pub const DOUBLE: Self = Self(2.0);

    /// A factor from its natural logarithm, kept within the positive normal numbers of `f64`.
    pub fn from_ln(ln: f64) -> Self {
        Self(ln.exp().clamp(f64::MIN_POSITIVE, f64::MAX))
    }

    /// One factor and then another.
    pub fn then(self, other: Self) -> Self {
        Self((self.0 * other.0).clamp(f64::MIN_POSITIVE, f64::MAX))
    }
}

impl Growth {
    /// None.
    pub const ONE: Self = Self(1.0);

    /// A growth from its natural logarithm, kept within the positive normal numbers of `f64`.
    pub fn from_ln(ln: f64) -> Self {
        Self(ln.exp().clamp(f64::MIN_POSITIVE, f64::MAX))
    }

    /// From one positive norm to another, kept within the positive normal numbers of `f64`.
    pub fn of_norms(start: f64, now: f64) -> Self {
        Self((now / start).clamp(f64::MIN_POSITIVE, f64::MAX))
    }
}

impl LrMultiplier {
    /// The multiplier that changes nothing.
    pub const ONE: Self = Self(1.0);

    /// A multiplier from its natural logarithm, kept within the normal numbers of `f64`.
    pub fn from_ln(ln: f64) -> Self {
        Self(ln.exp().clamp(f64::MIN_POSITIVE, f64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept_and_named() {
        assert!(LearningRate::new(0.0).is_ok() && GradientNorm::new(0.0).is_ok());
        assert!(Elr::new(0.0).is_err() && WeightNorm::new(0.0).is_err());
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(LearningRate::new(bad).is_err(), "{bad}");
            assert!(Elr::new(bad).is_err(), "{bad}");
        }
        assert!(Momentum::new(0.0).is_ok() && Momentum::new(1.0).is_err());
        assert!(PeakShare::new(1.0).is_ok() && PeakShare::new(1.0 + 1e-15).is_err());
        let message = LearningRate::new(-0.5).unwrap_err().to_string();
        assert_eq!(
            message,
            "learning rate is -0.5, but must be finite and at least 0; give a rate such as 0.1"
        );
    }
}
