//! Rolls a whole network's ELRs out under an optimiser with a schedule and a control (T5, T15–T20).

use crate::control::Controls;
use crate::optimizer::{Decay, Optimizer};
use crate::quantity::{Elr, GradientScale, LearningRate, Turn};
use crate::rollout::Rollout;
use crate::spread::Spread;

/// What will happen to a network: `N` steps, `N + 1` states.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The rate of each step.
    pub lrs: Vec<LearningRate>,
    /// The ELRs as they act, before each step and after the last: one row a state. They are those
    /// of the optimiser's [`Measure`](crate::optimizer::Measure).
    pub elrs: Vec<Vec<Elr>>,
    /// The spread of each row of `elrs`.
    pub spreads: Vec<Spread>,
    /// By how much each step turns each layer: one row a step.
    pub turns: Vec<Vec<Turn>>,
    /// The number of steps until the rate first reached its target: the length of the warm-up.
    /// `None` when it never did.
    pub warmup_steps: Option<usize>,
}

impl Forecast {
    fn with_capacity(steps: usize) -> Self {
        Self {
            lrs: Vec::with_capacity(steps),
            elrs: Vec::with_capacity(steps + 1),
            spreads: Vec::with_capacity(steps + 1),
            turns: Vec::with_capacity(steps),
            warmup_steps: None,
        }
    }
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
    let sgd = Optimizer::sgd(Decay::None);
    forecast_with(start, &sgd, controls, target, steps)
}

/// Predicts as [`forecast`] does, under any optimiser (T15–T19).
///
/// `start` holds the ELRs of the first step by the optimiser's
/// [`Measure`](crate::optimizer::Measure), buffers being empty.
pub fn forecast_with(
    start: &[Elr],
    optimizer: &Optimizer,
    controls: &Controls,
    target: impl Fn(usize) -> LearningRate,
    steps: usize,
) -> Forecast {
    let steady = |_| GradientScale::ONE;
    forecast_scaled(start, optimizer, controls, target, steady, steps)
}

/// Predicts as [`forecast_with`] does, with all base gradients multiplied by `scale` of the step
/// (T20).
///
/// One measured number a step, such as the geometric mean of `c_l` over layers relative to step 0,
/// tells the dynamics of ratios from the falling of the loss. `scale` is asked for steps 0 to
/// `steps`, the last for the state after the end.
pub fn forecast_scaled(
    start: &[Elr],
    optimizer: &Optimizer,
    controls: &Controls,
    target: impl Fn(usize) -> LearningRate,
    scale: impl Fn(usize) -> GradientScale,
    steps: usize,
) -> Forecast {
    let mut network = Rollout::new(start, optimizer, controls);
    let mut forecast = Forecast::with_capacity(steps);
    for step in 0..=steps {
        let of_layer = |_| scale(step);
        let plan = network.plan(target(step), of_layer);
        forecast.spreads.push(Spread::of(&plan.elrs));
        if step < steps {
            if !plan.is_capped() {
                forecast.warmup_steps.get_or_insert(step);
            }
            forecast.lrs.push(plan.lr);
            forecast.turns.push(network.advance(&plan, of_layer));
        }
        forecast.elrs.push(plan.elrs);
    }
    forecast
}
