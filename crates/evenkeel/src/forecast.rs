//! Rolls a whole network's ELRs out under plain SGD with a schedule and a control (T5, T20).

use crate::control::{Controls, Plan};
use crate::equalise;
use crate::quantity::{Elr, LearningRate};
use crate::recurrence::sgd;
use crate::spread::Spread;

/// What will happen to a network: `N` steps, `N + 1` states.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The rate of each step.
    pub lrs: Vec<LearningRate>,
    /// The ELRs as they act, before each step and after the last: one row a state.
    pub elrs: Vec<Vec<Elr>>,
    /// The spread of each row of `elrs`.
    pub spreads: Vec<Spread>,
    /// The number of steps until the rate first reached its target: the length of the warm-up.
    /// `None` when it never did.
    pub warmup_steps: Option<usize>,
}

/// Predicts `steps` steps of plain SGD from the ELRs at step 0, with steady base gradients.
///
/// `target` is the schedule: the rate to aim at in each step. The same [`Controls`] decide here as
/// on a real network.
pub fn forecast(
    start: &[Elr],
    controls: &Controls,
    target: impl Fn(usize) -> LearningRate,
    steps: usize,
) -> Forecast {
    let mut raw = start.to_vec();
    let mut forecast = Forecast {
        lrs: Vec::with_capacity(steps),
        elrs: Vec::with_capacity(steps + 1),
        spreads: Vec::with_capacity(steps + 1),
        warmup_steps: None,
    };
    for step in 0..=steps {
        let plan = controls.decide(step, &raw, target(step));
        forecast.spreads.push(Spread::of(&plan.elrs));
        if step < steps {
            if !plan.is_capped() {
                forecast.warmup_steps.get_or_insert(step);
            }
            forecast.lrs.push(plan.lr);
            raw = after(&raw, &plan);
        }
        forecast.elrs.push(plan.elrs);
    }
    forecast
}

/// The ELRs in the weights after the plan's step: what acts turns them, what was rescaled stays so.
fn after(raw: &[Elr], plan: &Plan) -> Vec<Elr> {
    let factor = |layer: usize| plan.rescale.as_ref().map(|factors| factors[layer]);
    raw.iter()
        .enumerate()
        .map(|(layer, &elr)| {
            let standing = factor(layer).map_or(elr, |a| equalise::rescaled(elr, a));
            sgd::turned(standing, plan.lr.get() * plan.elrs[layer].get())
        })
        .collect()
}
