//! What is the matter with a network's ELRs, and what would help.

use crate::advice::Advice;
use crate::control::{Controls, Critical, Hold, Rescale};
use crate::convergence::steps_until;
use crate::equalise::{hold_multipliers, rescale_factors};
use crate::flow::fastest_constant_lr;
use crate::optimizer::{Decay, Optimizer};
use crate::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor};
use crate::spread::{Spread, extremes, geometric_mean};
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
    /// Which control to begin with, if these are ELRs at initialisation (T31).
    pub advice: Advice,
    /// Layers by distance of `ln E` from the mean, farthest first, with the distance in decades.
    pub carriers: Vec<(usize, f64)>,
    /// The critical rate by each policy.
    pub critical: Vec<(&'static str, LearningRate)>,
    /// The tangent λE of the angle by which the planned rate turns the fastest and the slowest layer.
    pub tangents: (f64, f64),
    /// What the planned rate does to pairs, in a step of plain SGD.
    pub pairs: PairCounts,
    /// How long each way takes.
    pub plans: Vec<Plan>,
    /// The factors that equalise at once (T22).
    pub factors: Vec<RescaleFactor>,
    /// The multipliers that hold all ELRs equal (T23).
    pub multipliers: Vec<LrMultiplier>,
}

impl Diagnosis {
    /// Diagnoses a network from its ELRs under a planned optimiser and rate. `None` without layers.
    pub fn of(elrs: &[Elr], optimizer: &Optimizer, lr: LearningRate) -> Option<Self> {
        let (min, max) = extremes(elrs)?;
        let critical = warmup::ALL
            .iter()
            .filter_map(|policy| Some((policy.name, policy.critical(elrs)?)))
            .collect();
        Some(Self {
            spread: Spread::of(elrs),
            advice: Advice::of(elrs),
            carriers: carriers(elrs),
            critical,
            tangents: (lr.get() * max.get(), lr.get() * min.get()),
            pairs: pairs(elrs, lr),
            plans: plans(elrs, optimizer, lr, fastest_constant_lr(max, min)),
            factors: rescale_factors(elrs),
            multipliers: hold_multipliers(elrs),
        })
    }
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
fn pairs(elrs: &[Elr], lr: LearningRate) -> PairCounts {
    /// Relative rounding within which a rate counts as critical, as in [`crate::critical::regime`].
    const CRITICAL: f64 = 2e-12;
    let mut logs: Vec<f64> = elrs.iter().map(|elr| elr.ln()).collect();
    logs.sort_by(f64::total_cmp);
    let bound = -2.0 * lr.get().ln();
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
            assert_eq!(pairs(&elrs, lr), expected, "ln λ = {ln_lr}");
        }
        let zero = pairs(&elrs, LearningRate::new(0.0).unwrap());
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
}
