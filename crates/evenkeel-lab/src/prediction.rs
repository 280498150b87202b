//! What the theory foretells of a run from its first step, and the drift that the run measured.

use evenkeel::control::Controls;
use evenkeel::drift::{Drift, Fit, FitError, fit};
use evenkeel::ensemble::{Draws, Ensemble, ensemble};
use evenkeel::forecast::{Forecast, forecast};
use evenkeel::optimizer::{Decay, Optimizer};
use evenkeel::quantity::{Elr, LearningRate};

use crate::run_folder::{LayerLine, Run, StepLine};

/// Where a prediction of a run starts: its first norms, under its own control and schedule.
#[derive(Debug)]
pub struct Prediction {
    start: Vec<Elr>,
    controls: Controls,
    lr: LearningRate,
    steps: usize,
}

impl Prediction {
    /// As long as the run. `None` when there is nothing to start from: no step, or a layer without
    /// gradient.
    pub fn of(run: &Run) -> Option<Self> {
        let first = run.layers.first()?;
        let start = first
            .grad_norm
            .iter()
            .zip(&first.weight_norm)
            .map(|(gradient, weight)| Elr::new(gradient / weight).ok())
            .collect::<Option<_>>()?;
        Some(Self {
            start,
            controls: run.header.spec.control.parse().ok()?,
            lr: LearningRate::new(run.header.spec.lr).ok()?,
            steps: run.steps.len().saturating_sub(1),
        })
    }

    /// With steady base gradients.
    pub fn steady(&self) -> Forecast {
        forecast(&self.start, &self.controls, |_| self.lr, self.steps)
    }

    /// With base gradients that drift (T24).
    pub fn drifting(&self, drift: &Drift, draws: Draws) -> Ensemble {
        let sgd = Optimizer::sgd(Decay::None);
        let target = |_| self.lr;
        ensemble(
            &self.start,
            &sgd,
            &self.controls,
            target,
            self.steps,
            drift,
            draws,
        )
    }
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
