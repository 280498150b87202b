//! How long until a network's ELRs are equal, to within a given ratio.

use crate::control::Controls;
use crate::flow;
use crate::forecast::Forecaster;
use crate::optimizer::{Decay, Optimizer};
use crate::quantity::{Elr, LearningRate};
use crate::spread::{Spread, extremes};

/// Steps that are rolled out one by one, at most; beyond them the flow (T9) takes over.
const ROLLED_OUT: usize = 4096;
/// Steps that are rolled out at least.
const SHORTEST: usize = 16;
/// The tangent of a turn up to which the flow stands for the recurrence, to within its square.
const SMALL_TURN: f64 = 0.02;
/// Layer-steps that are rolled out at most, so that very large networks do not take for ever: under
/// decay, where the flow does not take over.
const LAYER_STEPS: usize = 400_000;
/// The same without decay. Norms alone bring the fastest turn to `λE = 1/√(2t)` by step `t`, where the
/// flow stands for the recurrence: to within 0.2 % after 250 steps.
const LAYER_STEPS_TO_FLOW: usize = 100_000;

/// Steps at the constant rate `lr` under `controls` until the largest acting ELR is at most `ratio`
/// times the smallest.
///
/// The first steps are rolled out. From there on turns are small, the flow keeps the order of the
/// layers, and the rest follows in closed form from the two extremes (T9); the optimiser's effective
/// rate takes the place of λ. `None` when it never happens (a zero rate, an equilibrium with other
/// ratios), or when the warm-up is not over by then.
pub fn steps_until(
    ratio: f64,
    start: &[Elr],
    optimizer: &Optimizer,
    controls: &Controls,
    lr: LearningRate,
) -> Option<f64> {
    let free = optimizer.settings().decay == Decay::None;
    let budget = if free {
        LAYER_STEPS_TO_FLOW
    } else {
        LAYER_STEPS
    };
    let most = ROLLED_OUT.min(budget / start.len().max(1)).max(SHORTEST);
    // In horizons that grow, because most networks need few steps and some very many.
    let mut steps = SHORTEST;
    loop {
        let run = Forecaster::new(start, |_| lr)
            .optimizer(optimizer)
            .controls(controls.clone())
            .run(steps);
        let reached = |spread: &Spread| spread.range <= ratio.ln();
        if let Some(step) = run.spreads.iter().position(reached) {
            return Some(step as f64);
        }
        let elrs = run.elrs.last()?;
        let over = run.lrs.last().is_some_and(|last| *last == lr);
        let slow = lr.get() * extremes(elrs)?.1.get() < SMALL_TURN;
        if over && free && (slow || steps == most) {
            return flow_until(ratio, elrs, optimizer, lr).map(|more| steps as f64 + more);
        }
        if steps == most {
            return None;
        }
        steps = (4 * steps).min(most);
    }
}

/// Steps of the flow from `elrs` on. T9 is about gradient ELRs, whose `E⁻²` grows by `2λ²` a step;
/// the update ELRs of Adam grow half as fast (T19).
fn flow_until(ratio: f64, elrs: &[Elr], optimizer: &Optimizer, lr: LearningRate) -> Option<f64> {
    let (min, max) = extremes(elrs)?;
    let growth = 0.5 * optimizer.measure().power() * optimizer.flow(lr).lr.powi(2);
    let dose = flow::dose_until_ratio(max, min, ratio)?.get();
    Some(dose / growth).filter(|steps| steps.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::fastest_constant_lr;

    fn steps(elrs: [f64; 3], control: &str, lr: f64) -> Option<f64> {
        let elrs = elrs.map(|e| Elr::new(e).unwrap());
        let controls: Controls = control.parse().unwrap();
        let sgd = Optimizer::sgd(Decay::None);
        steps_until(2.0, &elrs, &sgd, &controls, LearningRate::new(lr).unwrap())
    }

    #[test]
    fn the_flow_continues_where_the_roll_out_ends() {
        // 4 steps short of the horizon and far beyond it, the same law: steps ∝ 1/λ².
        let near = steps([1.0, 1.5, 4.0], "none", 0.02).unwrap();
        let far = steps([1.0, 1.5, 4.0], "none", 0.002).unwrap();
        assert!(near < 4096.0 && far > 4096.0);
        assert!((far / near / 100.0 - 1.0).abs() < 0.01, "{near} {far}");
    }

    #[test]
    fn held_networks_are_equal_at_once_and_zero_rates_never() {
        assert_eq!(steps([1.0, 1.5, 4.0], "hold", 0.1), Some(0.0));
        assert_eq!(steps([1.0, 1.5, 4.0], "none", 0.0), None);
    }

    #[test]
    fn the_fastest_constant_rate_is_faster_than_its_neighbours() {
        let (min, max) = (Elr::new(0.01).unwrap(), Elr::new(100.0).unwrap());
        let best = fastest_constant_lr(max, min).get();
        let time = |lr| steps([0.01, 1.0, 100.0], "none", lr).unwrap();
        assert!(time(best) < time(best * 4.0) && time(best) < time(best / 4.0));
    }
}
