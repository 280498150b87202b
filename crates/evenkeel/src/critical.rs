//! The critical learning rate of a pair of layers (T8).

use crate::quantity::{Elr, LearningRate, Momentum};

/// What a step of a given rate does to a pair of ELRs under plain SGD with steady `c` (T8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// `λ < λ_c`: the ratio shrinks and the order is kept.
    Converging,
    /// `λ = λ_c`: the ELRs are equal after one step.
    Critical,
    /// `λ > λ_c`: the order flips (overshoot); as λ grows the ratio tends to its inverse.
    Flipped,
}

/// The rate at which a pair is equal after one step (T8): `λ_c = 1/√(E_l E_k)`.
pub fn pair(one: Elr, other: Elr) -> LearningRate {
    LearningRate::from_ln(-0.5 * (one.ln() + other.ln()))
}

/// The rate at which a pair is equal once the momentum of one step has run out:
/// `λ_c = (1 − μ)/√(E_l E_k)`.
///
/// From rest, a gradient `g` moves the weight by `λ(1 + μ + μ² + …)g = λg/(1 − μ)` in the end, so
/// that T5 and T8 hold with the effective rate `λ/(1 − μ)` while that gradient dominates. At T8's
/// own rate the pair is equal after one step, and inertia then opens it again.
pub fn pair_after_inertia(one: Elr, other: Elr, momentum: Momentum) -> LearningRate {
    let rate = pair(one, other).get().ln() + (1.0 - momentum.get()).ln();
    LearningRate::from_ln(rate)
}

/// The regime of a pair at rate λ. Exact equality counts as [`Regime::Critical`] within a relative
/// rounding error of 1e-12.
pub fn regime(one: Elr, other: Elr, lr: LearningRate) -> Regime {
    let distance = lr.get().ln() - pair(one, other).get().ln();
    if distance.abs() < 1e-12 {
        Regime::Critical
    } else if distance < 0.0 {
        Regime::Converging
    } else {
        Regime::Flipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrence::sgd;

    #[test]
    fn the_ratio_is_one_at_the_critical_rate_and_flips_beyond() {
        let (upper, lower) = (Elr::new(8.0).unwrap(), Elr::new(0.5).unwrap());
        let critical = pair(upper, lower);
        assert!((critical.get() - 0.5).abs() < 1e-15);
        assert!((sgd::ratio(upper, lower, critical) - 1.0).abs() < 1e-15);
        for (factor, expected) in [
            (0.5, Regime::Converging),
            (1.0, Regime::Critical),
            (2.0, Regime::Flipped),
        ] {
            let lr = LearningRate::new(critical.get() * factor).unwrap();
            assert_eq!(regime(upper, lower, lr), expected);
            // At the critical rate itself the ratio is one up to rounding, checked above.
            if expected != Regime::Critical {
                let flipped = sgd::ratio(upper, lower, lr) < 1.0;
                assert_eq!(flipped, expected == Regime::Flipped);
            }
        }
        assert_eq!(
            regime(upper, lower, LearningRate::new(0.0).unwrap()),
            Regime::Converging
        );
    }
}
