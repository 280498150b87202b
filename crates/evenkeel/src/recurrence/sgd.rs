//! Plain SGD, `W′ = W − λ∇W`, on a scale-invariant weight (T4–T7).
//!
//! The gradient is orthogonal to the weight (T1), so a step adds squares (Pythagoras), and the
//! gradient falls as the weight grows. The base gradient `c = ‖W‖‖∇W‖` is taken to be steady.

use crate::quantity::{Elr, LearningRate, WeightNorm};

/// The weight norm after a step (T4): `σ′² = σ² + λ²c²/σ²`.
///
/// Arguments: `σ = ‖W‖`, the base gradient `c = ‖W‖‖∇W‖`, and λ.
/// Source: Arora et al. 2019 (lemma 2.4) for the growth law.
pub fn weight_norm(sigma: WeightNorm, base_gradient: f64, lr: LearningRate) -> f64 {
    sigma.get().hypot(lr.get() * base_gradient / sigma.get())
}

/// The effective learning rate after a step (T5): `E′ = E/(1 + λ²E²)`.
///
/// It needs neither norms nor `c`: current ELRs determine all later ones.
pub fn elr(elr: Elr, lr: LearningRate) -> Elr {
    turned(elr, lr.get() * elr.get())
}

/// `E/(1 + t²)` for a turn of tangent `t`, which under a per-layer rate differs from `λE` (T23).
///
/// Dividing before squaring keeps `t² → ∞` from turning a small result into zero.
pub(crate) fn turned(elr: Elr, tangent: f64) -> Elr {
    let next = if tangent <= 1.0 {
        elr.get() / (1.0 + tangent * tangent)
    } else {
        elr.get() / tangent / (tangent + tangent.recip())
    };
    Elr::saturating(next)
}

/// The logarithm of the ELR after a step (T6): with `u = x + ln λ`, `x′ = −ln λ − ln(2 cosh u)`.
///
/// Its slope is `−tanh u`, of size below 1: every difference of logarithms shrinks at any
/// constant λ > 0. Valid over the whole range of `f64`, where T5 would overflow.
pub fn ln_elr(x: f64, ln_lr: f64) -> f64 {
    let u = (x + ln_lr).abs();
    -ln_lr - (u + (-2.0 * u).exp().ln_1p())
}

/// The ratio of a pair's ELRs after a step (T7): `r′ = r (1 + λ²E_k²)/(1 + λ²E_l²)`, `r = E_l/E_k`.
pub fn ratio(upper: Elr, lower: Elr, lr: LearningRate) -> f64 {
    elr(upper, lr).get() / elr(lower, lr).get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_45_degrees_halves_the_elr() {
        let before = Elr::new(0.25).unwrap();
        let after = elr(before, LearningRate::new(4.0).unwrap());
        assert_eq!(after.get(), 0.125);
    }

    #[test]
    fn the_forms_agree() {
        for (e, lr) in [(0.3, 0.1), (60.0, 1.0), (1e-8, 1e3), (1e150, 1e-2)] {
            let direct = elr(Elr::new(e).unwrap(), LearningRate::new(lr).unwrap());
            let logs = ln_elr(e.ln(), lr.ln());
            assert!((direct.ln() - logs).abs() < 1e-12 * logs.abs().max(1.0));
        }
    }

    #[test]
    fn extremes_neither_vanish_nor_overflow() {
        for e in [1e-300, 1e300] {
            for lr in [0.0, 1e-300, 1.0, 1e300] {
                let after = elr(Elr::new(e).unwrap(), LearningRate::new(lr).unwrap());
                assert!(after.get() > 0.0 && after.get().is_finite(), "{e} {lr}");
            }
        }
    }

    #[test]
    fn norms_follow_pythagoras() {
        let sigma = WeightNorm::new(3.0).unwrap();
        let after = weight_norm(sigma, 6.0, LearningRate::new(2.0).unwrap());
        assert_eq!(after, 5.0);
    }
}
