//! What the theory forecast for a run from its first step alone.

use evenkeel::control::Controls;
use evenkeel::forecast::{Forecast, forecast};
use evenkeel::quantity::{Elr, LearningRate};

use crate::run_folder::Run;

/// The forecast from the norms at step 0 under the run's own control and schedule, as long as the
/// run. `None` when there is nothing to start from: no step, or a layer without gradient.
pub fn of(run: &Run) -> Option<Forecast> {
    let first = run.layers.first()?;
    let elrs: Vec<Elr> = first
        .grad_norm
        .iter()
        .zip(&first.weight_norm)
        .map(|(gradient, weight)| Elr::new(gradient / weight).ok())
        .collect::<Option<_>>()?;
    let controls: Controls = run.header.spec.control.parse().ok()?;
    let lr = LearningRate::new(run.header.spec.lr).ok()?;
    let steps = run.steps.len().saturating_sub(1);
    Some(forecast(&elrs, &controls, |_| lr, steps))
}
