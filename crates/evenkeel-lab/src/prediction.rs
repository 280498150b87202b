//! What the theory foretells of a run from its first step, and the drift that the run measured.

use evenkeel::control::Controls;
use evenkeel::drift::{Drift, Fit, FitError, fit};
use evenkeel::ensemble::{Draws, Ensemble, ensemble};
use evenkeel::forecast::{Forecast, forecast_with};
use evenkeel::optimizer::Optimizer;
use evenkeel::quantity::{Elr, LearningRate};
use evenkeel::schedule::Schedule;

use crate::run_folder::{LayerLine, Run, StepLine};

/// Where a prediction of a run starts: its first norms, under its own control and schedule.
#[derive(Debug)]
pub struct Prediction {
    start: Vec<Elr>,
    controls: Controls,
    optimizer: Optimizer,
    schedule: Schedule,
    steps: usize,
}

impl Prediction {
    /// As long as the run. `None` when there is nothing to start from: no step, or a layer without
    /// gradient.
    pub fn of(run: &Run) -> Option<Self> {
        let spec = &run.header.spec;
        let lr = LearningRate::new(spec.lr).ok()?;
        Some(Self {
            start: first_elrs(run)?,
            controls: spec.control.parse().ok()?,
            optimizer: spec.optimizer.parse().ok()?,
            schedule: Schedule::new(spec.schedule.parse().ok()?, lr, spec.steps),
            steps: run.steps.len().saturating_sub(1),
        })
    }

    /// With steady base gradients.
    pub fn steady(&self) -> Forecast {
        forecast_with(
            &self.start,
            &self.optimizer,
            &self.controls,
            |step| self.schedule.at(step),
            self.steps,
        )
    }

    /// With base gradients that drift (T24).
    pub fn drifting(&self, drift: &Drift, draws: Draws) -> Ensemble {
        ensemble(
            &self.start,
            &self.optimizer,
            &self.controls,
            |step| self.schedule.at(step),
            self.steps,
            drift,
            draws,
        )
    }
}

/// The ELRs of a run's first step in the weights as they stood, by its optimiser's measure.
fn first_elrs(run: &Run) -> Option<Vec<Elr>> {
    let first = run.layers.first()?;
    let norms = first.grad_norm.iter().zip(&first.weight_norm);
    norms
        .map(|(gradient, weight)| Elr::new(gradient / weight).ok())
        .collect()
}

/// The drift of base gradients in a run (T24), up to the first step in which a layer is dead.
///
/// Paths are those of plain SGD: a step turns a layer by `arctan(λE)`.
///
/// # Errors
/// [`FitError`] when too little was logged or nothing turned.
pub fn drift(run: &Run) -> Result<Fit, FitError> {
    let mut turned = 0.0;
    let (mut gradients, mut path) = (Vec::new(), Vec::new());
    for (line, step) in run.layers.iter().zip(&run.steps) {
        let row: Vec<f64> = base_gradients(line).collect();
        if row.contains(&0.0) {
            break;
        }
        gradients.push(row);
        path.push(turned);
        turned += mean_turn(line, step);
    }
    fit(&gradients, &path)
}

/// `c_l = ‖∇W_l‖‖W_l‖`.
fn base_gradients(line: &LayerLine) -> impl Iterator<Item = f64> {
    line.weight_norm
        .iter()
        .zip(&line.grad_norm)
        .map(|(w, g)| w * g)
}

/// The mean over layers of `arctan(λE)`, in radians.
fn mean_turn(line: &LayerLine, step: &StepLine) -> f64 {
    line.elr
        .iter()
        .map(|elr| (step.lr * elr).atan())
        .sum::<f64>()
        / line.elr.len().max(1) as f64
}
