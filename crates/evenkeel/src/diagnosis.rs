//! What is the matter with a network's ELRs, and what would help.

use crate::control::{Controls, Critical, Hold, Rescale};
use crate::convergence::steps_until;
use crate::equalise::{hold_multipliers, rescale_factors};
use crate::flow::fastest_constant_lr;
use crate::optimizer::{Decay, Measure, Optimizer};
use crate::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor};
use crate::recommendation::{Network, Recommendation};
use crate::spread::{Spread, extremes, geometric_mean};
use crate::trend::Trend;
use crate::warmup;

/// ELRs count as equal when the largest is at most twice the smallest.
pub const EQUAL: f64 = 2.0;

/// How the planned rate stands to the critical rates of pairs of layers (T8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairCounts {
    /// Pairs whose ratio shrinks with its order kept.
    pub converging: u64,
    /// Pairs that are equal after one step.
    pub critical: u64,
    /// Pairs whose order flips.
    pub flipped: u64,
}

/// How long one way of training takes until the ELRs are equal.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The control, or `best constant` for the fastest constant rate.
    pub name: String,
    /// The rate it aims at.
    pub lr: LearningRate,
    /// Steps until equal to within [`EQUAL`]; `None` when that is not foreseen.
    pub steps: Option<f64>,
}

/// A diagnosis of one network under one planned learning rate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// How far apart the ELRs are.
    pub spread: Spread,
    /// How ELRs grow from the input to the output.
    pub trend: Trend,
    /// What to do.
    pub recommendation: Recommendation,
    /// Layers by distance of `ln E` from the mean, farthest first, with the distance in decades.
    pub carriers: Vec<(usize, f64)>,
    /// The critical rate by each policy, inertia included: `1 − μ` times that of plain SGD (T8, T15).
    /// Normalised updates flip no pair (T37): for them there is `no-overshoot` alone, the rate at which
    /// the fastest layer turns by 45°.
    pub critical: Vec<(&'static str, LearningRate)>,
    /// The tangent λE of the angle by which the planned rate turns the fastest and the slowest layer.
    pub tangents: (f64, f64),
    /// What the planned rate does to pairs once inertia has run out; normalised updates flip none.
    pub pairs: PairCounts,
    /// How long each way takes.
    pub plans: Vec<Plan>,
    /// The factors that equalise at once (T22).
    pub factors: Vec<RescaleFactor>,
    /// The multipliers that hold all ELRs equal (T23).
    pub multipliers: Vec<LrMultiplier>,
}

impl Diagnosis {
    /// Diagnoses a network from its ELRs under a planned optimiser and rate, taking them for ELRs at
    /// initialisation in the order of depth. `None` without layers.
    pub fn of(elrs: &[Elr], optimizer: &Optimizer, lr: LearningRate) -> Option<Self> {
        let order: Vec<usize> = (0..elrs.len()).collect();
        Self::at(None, elrs, &order, optimizer, lr)
    }

    /// Diagnoses a network from its ELRs at a training step, where it is known. `order` has the indices
    /// of the layers from the input to the output.
    pub fn at(
        step: Option<u64>,
        elrs: &[Elr],
        order: &[usize],
        optimizer: &Optimizer,
        lr: LearningRate,
    ) -> Option<Self> {
        let (min, max) = extremes(elrs)?;
        let inertia = 1.0 - optimizer.settings().momentum.get();
        let gradients = optimizer.measure() == Measure::Gradient;
        let fresh = if gradients { inertia } else { 1.0 };
        let by_depth: Vec<Elr> = order.iter().map(|index| elrs[*index]).collect();
        let (spread, trend) = (Spread::of(elrs), Trend::of(&by_depth));
        let recommendation = Recommendation::of(&Network {
            spread,
            trend,
            tangent: lr.get() * max.get() / fresh,
            optimizer,
            step,
        });
        let mut plans = plans(elrs, optimizer, lr, fastest_constant_lr(max, min));
        let name = recommendation.control.to_string();
        if !plans.iter().any(|plan| plan.name == name) {
            plans.push(Plan {
                steps: steps_until(EQUAL, elrs, optimizer, &recommendation.control, lr),
                name,
                lr,
            });
        }
        Some(Self {
            spread,
            trend,
            recommendation,
            carriers: carriers(elrs),
            critical: critical(elrs, gradients, fresh),
            tangents: (lr.get() * max.get(), lr.get() * min.get()),
            pairs: pairs(
                elrs,
                if gradients {
                    (lr.get() / fresh).ln()
                } else {
                    f64::NEG_INFINITY
                },
            ),
            plans,
            factors: rescale_factors(elrs),
            multipliers: hold_multipliers(elrs),
        })
    }
}

/// The critical rates that apply.
fn critical(elrs: &[Elr], gradients: bool, fresh: f64) -> Vec<(&'static str, LearningRate)> {
    let policies = warmup::ALL
        .iter()
        .take(if gradients { warmup::ALL.len() } else { 1 });
    policies
        .filter_map(|policy| {
            let rate = policy.critical(elrs)?.get();
            Some((policy.name, LearningRate::from_ln(rate.ln() + fresh.ln())))
        })
        .collect()
}

fn carriers(elrs: &[Elr]) -> Vec<(usize, f64)> {
    let mean = geometric_mean(elrs).map_or(0.0, Elr::ln);
    let decades = |elr: &Elr| (elr.ln() - mean) / std::f64::consts::LN_10;
    let mut all: Vec<(usize, f64)> = elrs.iter().map(decades).enumerate().collect();
    all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    all
}

/// Counts pairs by regime without looking at each: sorted, those above and below `λ_c` meet at a
/// moving bound (T8: a pair flips when `x_l + x_k > −2 ln λ`).
fn pairs(elrs: &[Elr], ln_lr: f64) -> PairCounts {
    /// Relative rounding within which a rate counts as critical, as in [`crate::critical::regime`].
    const CRITICAL: f64 = 2e-12;
    let mut logs: Vec<f64> = elrs.iter().map(|elr| elr.ln()).collect();
    logs.sort_by(f64::total_cmp);
    let bound = -2.0 * ln_lr;
    let above = |bound: f64| {
        let (mut count, mut low, mut high) = (0u64, 0, logs.len().saturating_sub(1));
        while low < high {
            if logs[low] + logs[high] > bound {
                count += (high - low) as u64;
                high -= 1;
            } else {
                low += 1;
            }
        }
        count
    };
    let (flipped, reached) = (above(bound + CRITICAL), above(bound - CRITICAL));
    let count = elrs.len() as u64;
    PairCounts {
        converging: count * count.saturating_sub(1) / 2 - reached,
        critical: reached - flipped,
        flipped,
    }
}

/// The plan as it is, under each policy, at the best constant rate, and equalised.
fn plans(elrs: &[Elr], optimizer: &Optimizer, lr: LearningRate, best: LearningRate) -> Vec<Plan> {
    let plan = |name: String, controls: Controls, lr: LearningRate| Plan {
        steps: steps_until(EQUAL, elrs, optimizer, &controls, lr),
        name,
        lr,
    };
    let under = |controls: Controls| plan(controls.to_string(), controls, lr);
    let mut plans = vec![under(Controls::default())];
    for policy in warmup::ALL {
        plans.push(under(Critical::by(policy).into()));
    }
    // Of a constant rate the theory knows the best for plain SGD only (T10).
    if optimizer == &Optimizer::sgd(Decay::None) {
        plans.push(plan("best constant".to_owned(), Controls::default(), best));
    }
    plans.push(under(Rescale.into()));
    plans.push(under(Hold::default().into()));
    plans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::critical::{Regime, regime};

    fn network(logs: &[f64]) -> Vec<Elr> {
        logs.iter().map(|x| Elr::from_ln(*x)).collect()
    }

    #[test]
    fn pairs_are_counted_as_one_by_one() {
        let elrs = network(&[-3.0, -1.0, 0.0, 0.5, 2.0, 2.0, 4.0]);
        for ln_lr in [-5.0, -2.0, -1.0, 0.0, 0.25, 3.0] {
            let lr = LearningRate::from_ln(ln_lr);
            let mut expected = PairCounts::default();
            for (i, one) in elrs.iter().enumerate() {
                for other in &elrs[i + 1..] {
                    match regime(*one, *other, lr) {
                        Regime::Converging => expected.converging += 1,
                        Regime::Critical => expected.critical += 1,
                        Regime::Flipped => expected.flipped += 1,
                    }
                }
            }
            assert_eq!(pairs(&elrs, ln_lr), expected, "ln λ = {ln_lr}");
        }
        let zero = pairs(&elrs, f64::NEG_INFINITY);
        assert_eq!(zero.converging, 21, "a zero rate flips nothing");
    }

    #[test]
    fn the_farthest_layer_carries_the_spread() {
        let elrs = network(&[0.0, 0.1, -0.1, 9.0]);
        let sgd = Optimizer::sgd(Decay::None);
        let lr = LearningRate::new(0.1).unwrap();
        let diagnosis = Diagnosis::of(&elrs, &sgd, lr).unwrap();
        assert_eq!(diagnosis.carriers[0].0, 3);
        assert_eq!(diagnosis.plans.last().unwrap().steps, Some(0.0));
        assert_eq!(Diagnosis::of(&[], &sgd, lr), None);
    }

    #[test]
    fn critical_rates_are_those_that_apply_to_the_optimiser() {
        let elrs = network(&[0.0, 1.0, 3.0]);
        let lr = LearningRate::new(0.05).unwrap();
        let of = |optimizer: &str| Diagnosis::of(&elrs, &optimizer.parse().unwrap(), lr).unwrap();
        let (plain, inert, adam) = (of("sgd"), of("momentum:mu=0.9"), of("adamw"));
        for (one, other) in plain.critical.iter().zip(&inert.critical) {
            assert!((other.1.get() / one.1.get() / 0.1 - 1.0).abs() < 1e-9);
        }
        assert_eq!(plain.critical.len(), warmup::ALL.len());
        assert!(inert.pairs.flipped > plain.pairs.flipped);
        assert_eq!((adam.critical.len(), adam.pairs.flipped), (1, 0));
    }

    #[test]
    fn the_order_of_layers_changes_nothing_but_the_trend() {
        let logs: Vec<f64> = (0..12).map(|layer| -0.3 * f64::from(layer)).collect();
        let shuffled: Vec<usize> = (0..12).map(|index| index * 5 % 12).collect();
        let (elrs, mixed) = (
            network(&logs),
            network(&shuffled.iter().map(|i| logs[*i]).collect::<Vec<_>>()),
        );
        let order: Vec<usize> = (0..12)
            .map(|layer| shuffled.iter().position(|i| *i == layer).unwrap())
            .collect();
        let (sgd, lr) = (
            Optimizer::sgd(Decay::None),
            LearningRate::new(0.05).unwrap(),
        );
        let (one, other) = (
            Diagnosis::of(&elrs, &sgd, lr).unwrap(),
            Diagnosis::at(None, &mixed, &order, &sgd, lr).unwrap(),
        );
        assert_eq!(
            (one.trend, one.recommendation),
            (other.trend, other.recommendation)
        );
    }
}
