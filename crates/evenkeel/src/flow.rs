//! The limit of small steps: closed forms for any learning-rate schedule (T9–T10).

use crate::measure::Measure;
use crate::quantity::{Elr, LearningRate};
use crate::recurrence::sgd;
use crate::spread::extremes;

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

/// Steps of plain SGD at a constant rate until the largest ELR is at most `ratio` times the smallest
/// (T10): one step of the recurrence, then the flow.
///
/// With `y = E⁻²` a step leads to `y′ = (y + λ²)²/y`, after which `λE ≤ 1/2` for every layer and the
/// flow holds: `N = 1 + (y′_max − ρ²y′_min)/(2λ²(ρ² − 1))`. A pair at its critical rate, or two
/// clusters, take one step. If some layer lies midway between the extremes, `N` is about
/// `max(1/(λE_min)², (λE_max)²)/(2(ρ² − 1))`. Within 20 % or one step of the recurrence.
///
/// Zero when the layers are that close already or there are none; infinite when `ratio ≤ 1` or the
/// rate is zero.
pub fn steps_until_equal(elrs: &[Elr], lr: LearningRate, ratio: f64) -> f64 {
    let after: Vec<Elr> = elrs.iter().map(|&elr| sgd::elr(elr, lr)).collect();
    let (Some((min, max)), Some((low, high))) = (extremes(elrs), extremes(&after)) else {
        return 0.0;
    };
    let Some(left) = dose_until_ratio(high, low, ratio) else {
        return f64::INFINITY;
    };
    match max.get() <= ratio * min.get() {
        true => 0.0,
        false => 1.0 + left.steps(lr),
    }
}

/// The constant rate that equalises soonest (T10): `1/√(E_max E_min)`.
pub fn fastest_constant_lr(max: Elr, min: Elr) -> LearningRate {
    LearningRate::from_ln(-0.5 * (max.ln() + min.ln()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread::Spread;

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

    /// Steps of the recurrence until the largest ELR is at most twice the smallest.
    fn counted(elrs: &[Elr], lr: LearningRate) -> f64 {
        let mut elrs = elrs.to_vec();
        let mut steps = 0.0;
        while Spread::of(&elrs).ratio() > 2.0 {
            elrs = elrs.iter().map(|&elr| sgd::elr(elr, lr)).collect();
            steps += 1.0;
        }
        steps
    }

    #[test]
    fn the_time_until_equal_is_that_of_the_recurrence() {
        for logs in [
            vec![3.0, 0.0, -3.0],
            vec![3.0, -3.0],
            vec![4.0, 1.0, -2.5],
            vec![2.0, 1.9, -2.0, -2.2],
            (0..20).map(|i| 0.4 * f64::from(i) - 4.0).collect(),
        ] {
            let elrs: Vec<Elr> = logs.into_iter().map(Elr::from_ln).collect();
            for ln_lr in -12..=12 {
                let lr = LearningRate::from_ln(0.25 * f64::from(ln_lr));
                let (closed, steps) = (steps_until_equal(&elrs, lr, 2.0), counted(&elrs, lr));
                let error = (closed - steps).abs();
                assert!(
                    error <= 1.0 || error < 0.2 * steps,
                    "{lr:?} {closed} {steps}"
                );
            }
        }
    }

    #[test]
    fn a_pair_and_two_clusters_are_equal_after_one_step() {
        // Five decades apart: the estimate for layers midway would be 1e5/6 steps.
        let (fast, slow) = (e(1e3), e(1e-2));
        let lr = fastest_constant_lr(fast, slow);
        for elrs in [vec![fast, slow], vec![fast, e(900.0), slow, e(0.011), slow]] {
            assert!((steps_until_equal(&elrs, lr, 2.0) - 1.0).abs() < 1e-9);
            assert_eq!(counted(&elrs, lr), 1.0);
        }
        let midway = steps_until_equal(&[fast, e(10f64.sqrt()), slow], lr, 2.0);
        assert!((midway / (1e5 / 6.0) - 1.0).abs() < 1e-3, "{midway}");
        assert_eq!(steps_until_equal(&[e(1.0), e(1.9)], lr, 2.0), 0.0);
        assert_eq!(steps_until_equal(&[fast, slow], lr, 1.0), f64::INFINITY);
        let never = LearningRate::new(0.0).unwrap();
        assert_eq!(steps_until_equal(&[fast, slow], never, 2.0), f64::INFINITY);
    }

    #[test]
    fn the_fastest_constant_rate_is_a_minimum_and_symmetric() {
        // With a layer midway, far enough apart for one step not to count.
        let elrs = [e(5000.0), e(1.0), e(0.0002)];
        let best = fastest_constant_lr(elrs[0], elrs[2]).get();
        let time =
            |factor: f64| steps_until_equal(&elrs, LearningRate::new(best * factor).unwrap(), 2.0);
        assert!(time(1.0) < time(1.1) && time(1.0) < time(0.9));
        assert!((time(3.0) / time(1.0 / 3.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_schedule_acts_through_its_dose() {
        let rates = [0.3, 0.4].map(|lr| LearningRate::new(lr).unwrap());
        let dose = Dose::of(rates);
        assert!((dose.get() - 0.25).abs() < 1e-15);
        assert!((dose.steps(LearningRate::new(0.5).unwrap()) - 1.0).abs() < 1e-15);
    }
}
