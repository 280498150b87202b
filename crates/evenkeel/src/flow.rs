//! The limit of small steps: closed forms for any learning-rate schedule (T9–T10).

use crate::optimizer::Measure;
use crate::quantity::{Elr, LearningRate};

/// `Λ = Σ_t λ_t²`: all that a schedule does to the ELRs in the flow limit.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Dose(f64);

impl Dose {
    /// The dose of a schedule.
    pub fn of(schedule: impl IntoIterator<Item = LearningRate>) -> Self {
        Self(schedule.into_iter().map(|lr| lr.get().powi(2)).sum())
    }

    /// The bare `Λ`.
    pub fn get(self) -> f64 {
        self.0
    }

    /// How many steps of a constant rate make up this dose; infinite for a zero rate.
    pub fn steps(self, lr: LearningRate) -> f64 {
        self.0 / lr.get().powi(2)
    }
}

/// The ELR after a dose (T9): `E(Λ) = (E(0)⁻² + 2Λ)^(−1/2)`.
pub fn elr(start: Elr, dose: Dose) -> Elr {
    // Factored as E/√(1 + 2ΛE²), so that tiny ELRs do not overflow when squared and inverted.
    let e = start.get();
    Elr::saturating(e / 1f64.hypot((2.0 * dose.0).sqrt() * e))
}

/// An optimiser at a constant rate in the limit of small steps (T9 with decay).
///
/// With `p` the power of the [`Measure`] and `y = E⁻²`, `dy/dt = p(λ_e² − 2εy)` over steps `t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// The effective rate `λ_e`: `λ/(1 − μ)` with momentum, `η` for Adam.
    pub lr: f64,
    /// The share `ε` of the weight that a step takes off in the long run: `λγ`, or `λγ/(1 − μ)`
    /// with momentum and coupled decay.
    pub decay: f64,
    /// The ELR in question.
    pub measure: Measure,
}

impl Flow {
    /// The ELR after `steps` steps: `E⁻² = E₀⁻²e^(−z) + pλ_e²t·(1 − e^(−z))/z`, `z = 2pεt`.
    pub fn elr(&self, start: Elr, steps: f64) -> Elr {
        let power = self.measure.power();
        let z = (2.0 * power * self.decay * steps).min(f64::MAX);
        let mean_decay = if z > 0.0 { -(-z).exp_m1() / z } else { 1.0 };
        let e = start.get();
        let fresh = (power * steps * mean_decay).sqrt() * self.lr * e;
        Elr::saturating(e / (-0.5 * z).exp().hypot(fresh))
    }

    /// The ELR at which growth and decay balance: `√(2ε)/λ_e`; `None` without decay.
    pub fn equilibrium(&self) -> Option<Elr> {
        Elr::new((2.0 * self.decay).sqrt() / self.lr).ok()
    }

    /// Steps after which a weight has forgotten its direction to `1/e`: `1/ε`. Its ELR settles
    /// sooner, distances from equilibrium falling by `1/e` in `1/(2pε)` steps. Infinite without
    /// decay.
    pub fn memory(&self) -> f64 {
        self.decay.recip()
    }
}

/// The dose until the pair's ratio `E_upper/E_lower` has come down to `ratio` (T9):
/// `Λ = (E_k⁻² − ρ²E_l⁻²)/(2(ρ² − 1))`.
///
/// `None` when `ratio ≤ 1`, which the flow only reaches after infinite time. Zero when the pair is
/// that close already.
pub fn dose_until_ratio(upper: Elr, lower: Elr, ratio: f64) -> Option<Dose> {
    let reachable = ratio > 1.0;
    let squared = ratio * ratio;
    let gap = lower.get().powi(-2) - squared * upper.get().powi(-2);
    reachable.then(|| Dose((gap / (2.0 * (squared - 1.0))).max(0.0)))
}

/// Steps of a constant rate until the network is about equal (T10):
/// `max(1/(2λ²E_min²), (λE_max)²/2)`.
///
/// The first term is the time the slowest layer needs to turn at all, the second the time in which
/// the fastest, thrown out by its first step, comes back.
pub fn steps_until_equal(max: Elr, min: Elr, lr: LearningRate) -> f64 {
    let slow = 0.5 * (lr.get() * min.get()).powi(-2);
    let fast = 0.5 * (lr.get() * max.get()).powi(2);
    slow.max(fast)
}

/// The constant rate that equalises soonest (T10): `1/√(E_max E_min)`.
pub fn fastest_constant_lr(max: Elr, min: Elr) -> LearningRate {
    LearningRate::from_ln(-0.5 * (max.ln() + min.ln()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e(value: f64) -> Elr {
        Elr::new(value).unwrap()
    }

    #[test]
    fn the_dose_until_a_ratio_leads_to_that_ratio() {
        let (upper, lower) = (e(5.0), e(0.02));
        let dose = dose_until_ratio(upper, lower, 1.5).unwrap();
        let reached = elr(upper, dose).get() / elr(lower, dose).get();
        assert!((reached - 1.5).abs() < 1e-12);
        assert_eq!(dose_until_ratio(upper, lower, 1.0), None);
        assert_eq!(dose_until_ratio(upper, lower, 1e9).unwrap().get(), 0.0);
    }

    #[test]
    fn the_fastest_constant_rate_is_a_minimum_and_symmetric() {
        let (max, min) = (e(50.0), e(0.004));
        let best = fastest_constant_lr(max, min).get();
        let time =
            |factor: f64| steps_until_equal(max, min, LearningRate::new(best * factor).unwrap());
        assert!(time(1.0) < time(1.1) && time(1.0) < time(0.9));
        assert!((time(3.0) / time(1.0 / 3.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_schedule_acts_through_its_dose() {
        let rates = [0.3, 0.4].map(|lr| LearningRate::new(lr).unwrap());
        let dose = Dose::of(rates);
        assert!((dose.get() - 0.25).abs() < 1e-15);
        assert!((dose.steps(LearningRate::new(0.5).unwrap()) - 1.0).abs() < 1e-15);
    }
}
