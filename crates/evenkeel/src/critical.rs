//! The critical learning rate of a pair of layers (T8).

use crate::optimizer::{Decay, Measure, Optimizer};
use crate::quantity::{Elr, LearningRate};

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

/// Steps after which the first gradient has left the buffer, in units of `1/(1 − μ)`: `e⁻⁶` of it.
const BUFFER_EMPTY: f64 = 6.0;
/// The longest roll-out: momenta up to 0.9997 get as many steps as they need.
const LONGEST: f64 = 20_000.0;
/// Halvings of the interval in `ln λ`, which is at most 50 wide: down to rounding.
const HALVINGS: usize = 56;

/// The rate at which a pair is equal once the momentum of the first steps has run out (T8 with T15).
///
/// Momentum keeps moving a weight after the step, so at T8's own rate the pair is equal after one
/// step and then flips. Below the rate given here the order is kept, above it the pair ends flipped.
/// It is found by halving an interval over the optimiser's own recurrences. It is
/// `(1 − μ)/√(E_l E_k)` for pairs so far apart that one gradient does all the work (four decades at
/// `μ = 0.9`), 0.61, 0.35 and 0.29 of that for 2, 1 and 0.6 decades, and T8's rate without momentum.
///
/// `None` under weight decay, where equilibria set the order, and for updates of a fixed length, of
/// which no single step flips a pair (T37).
pub fn pair_after_inertia(one: Elr, other: Elr, optimizer: &Optimizer) -> Option<LearningRate> {
    let settings = optimizer.settings();
    let applies = optimizer.measure() == Measure::Gradient && settings.decay == Decay::None;
    let fresh = 1.0 - settings.momentum.get();
    let steps = (BUFFER_EMPTY / fresh).clamp(1.0, LONGEST) as usize;
    let (fast, slow) = if one > other {
        (one, other)
    } else {
        (other, one)
    };
    let flips = |ln_lr: f64| {
        let after = |elr: Elr| {
            let lr = LearningRate::from_ln(ln_lr);
            let step = |layer, _| optimizer.step(&layer, lr).layer;
            (0..steps).fold(optimizer.start(elr), step).elr()
        };
        after(fast) < after(slow)
    };
    if !applies {
        return None;
    }
    // The rate lies between (1 − μ)^1.5 and 1 times that of T8.
    let ln_critical = pair(one, other).get().ln();
    let mut bounds = (ln_critical + 2.0 * fresh.ln() - 1.0, ln_critical + 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (bounds.0 + bounds.1);
        match flips(middle) {
            true => bounds.1 = middle,
            false => bounds.0 = middle,
        }
    }
    Some(LearningRate::from_ln(bounds.0))
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
    /// The rate after inertia over `(1 − μ)/√(E_l E_k)`, for a pair so many decades apart.
    fn of_full_inertia(optimizer: &str, decades: f64) -> f64 {
        let optimizer: Optimizer = optimizer.parse().unwrap();
        let half = 0.5 * decades * std::f64::consts::LN_10;
        let (fast, slow) = (Elr::from_ln(half), Elr::from_ln(-half));
        let rate = pair_after_inertia(fast, slow, &optimizer).unwrap();
        rate.get() / (1.0 - optimizer.settings().momentum.get())
    }

    #[test]
    fn inertia_lowers_the_critical_rate_of_near_pairs_further() {
        // Recurrences T15 written as products, 60 steps, in another program.
        for (decades, expected) in [(4.0, 1.00), (2.0, 0.61), (1.0, 0.345), (0.6, 0.29)] {
            let found = of_full_inertia("momentum", decades);
            assert!((found - expected).abs() < 0.01, "{decades}: {found}");
        }
        for decades in [0.5, 3.0] {
            assert!((of_full_inertia("sgd", decades) - 1.0).abs() < 1e-9);
            assert!((of_full_inertia("momentum:mu=0", decades) - 1.0).abs() < 1e-9);
        }
        // Nesterov's first step is longer by 1 + μ; in the end it moves as far.
        assert!((of_full_inertia("nesterov", 5.0) - 1.0).abs() < 0.05);
    }

    #[test]
    fn inertia_has_no_critical_rate_under_decay_or_for_normalised_updates() {
        let (fast, slow) = (Elr::new(8.0).unwrap(), Elr::new(0.5).unwrap());
        for text in ["adam", "momentum:decay=0.1", "sgd:l2=0.1"] {
            assert_eq!(pair_after_inertia(fast, slow, &text.parse().unwrap()), None);
        }
    }
}
