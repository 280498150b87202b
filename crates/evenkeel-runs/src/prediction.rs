//! What the theory predicts of a run from its first step, and the drift that the run measured.

use evenkeel::control::Controls;
use evenkeel::drift::{Drift, Fit, FitError, fit};
use evenkeel::ensemble::{Draws, Ensemble};
use evenkeel::forecast::{Forecast, Forecaster};
use evenkeel::gradient_scale::MeasuredScale;
use evenkeel::layer::LayerNorms;
use evenkeel::mean_field::{Architecture, Batch, MeanFieldError};
use evenkeel::optimizer::Optimizer;
use evenkeel::quantity::{Elr, GradientNorm, LearningRate, QuantityError, WeightNorm};
use evenkeel::schedule::Schedule;
use evenkeel::turning::mean_angle;

use crate::folder::{LayerLine, Run, StepLine};
use crate::settings::RunSettings;

/// The start of a prediction: a run's first norms, under its own control and schedule.
#[derive(Debug)]
pub struct Prediction {
    start: Vec<Elr>,
    controls: Controls,
    optimizer: Optimizer,
    schedule: Schedule,
    steps: usize,
}

impl Prediction {
    /// As long as the run. `None` when there is nothing to start from: no step, a layer without
    /// gradient, or controls that went by units, whose ELRs are not in the log one by one.
    pub fn of(run: &Run) -> Option<Self> {
        let spec = &run.header.spec;
        if !run.units.is_empty() {
            return None;
        }
        let lr = LearningRate::new(spec.lr).ok()?;
        Some(Self {
            start: first_elrs(run)?,
            controls: spec.control.parse().ok()?,
            optimizer: spec.optimizer.parse().ok()?,
            schedule: Schedule::new(spec.schedule.parse().ok()?, lr, spec.steps),
            steps: run.steps.len().saturating_sub(1),
        })
    }

    fn forecaster(&self) -> Forecaster<'_> {
        Forecaster::new(&self.start, |step| self.schedule.at(step))
            .optimizer(&self.optimizer)
            .controls(self.controls.clone())
    }

    /// With steady base gradients.
    pub fn steady(&self) -> Forecast {
        self.forecaster().run(self.steps)
    }

    /// With the scale that all base gradients had together in each step of `run` (T20). `None` where a
    /// norm of it is none.
    pub fn scaled(&self, run: &Run) -> Option<Forecast> {
        let scale = MeasuredScale::of_norms(&measured_norms(run).ok()?);
        let forecaster = self.forecaster().gradient_scale(|step| scale.at(step));
        Some(forecaster.run(self.steps))
    }

    /// With base gradients that drift (T24).
    pub fn drifting(&self, drift: &Drift, draws: Draws) -> Ensemble {
        self.forecaster().ensemble(self.steps, drift, draws)
    }
}

/// What mean field says of the growth of `‖∇W‖` per layer towards the input at initialisation (T21), in
/// words. `None` where it says nothing: it describes layers in a row with independent weights.
pub fn explosion(spec: &RunSettings) -> Option<String> {
    let (norm, activation) = (spec.norm.as_deref()?, spec.activation.as_deref()?);
    if spec.model != "mlp" || spec.init.as_deref() == Some("orthogonal") {
        return None;
    }
    let wide = Architecture::named(&format!("{norm}-{activation}")).ok()?;
    let rows = u32::try_from(spec.batch_size).ok()?;
    let (architecture, batches) = match Batch::of(rows).and_then(|batch| wide.with_batch(batch)) {
        Ok(finite) => (finite, format!(" in batches of {rows}")),
        Err(MeanFieldError::NoBatch { .. }) => (wide, String::new()),
        Err(_) => return None,
    };
    let growth = architecture.growth().sqrt();
    Some(format!(
        "mean-field theory of wide {architecture} networks{batches} says {growth:.4}"
    ))
}

/// The norms of all layers at each logged step.
///
/// # Errors
/// [`QuantityError`] for a number that is no norm.
pub fn measured_norms(run: &Run) -> Result<Vec<Vec<LayerNorms>>, QuantityError> {
    run.layers.iter().map(norms_of_line).collect()
}

/// The norms of all layers in a line.
///
/// # Errors
/// [`QuantityError`] for a number that is no norm.
pub fn norms_of_line(line: &LayerLine) -> Result<Vec<LayerNorms>, QuantityError> {
    let norms = line.weight_norm.iter().zip(&line.grad_norm);
    let layer = |(weight, gradient): (&f64, &f64)| {
        Ok(LayerNorms {
            weight: WeightNorm::new(*weight)?,
            gradient: GradientNorm::new(*gradient)?,
        })
    };
    norms.map(layer).collect()
}

/// The ELRs of all layers in a line, as they act. `None` where one has none.
pub fn acting_elrs(line: &LayerLine) -> Option<Vec<Elr>> {
    line.elr.iter().map(|elr| Elr::new(*elr).ok()).collect()
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
    mean_angle(line.elr.iter().map(|elr| step.lr * elr))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a specification with every default filled in.
    fn said(change: impl FnOnce(&mut RunSettings)) -> Option<String> {
        let set = |text: &str| Some(text.to_owned());
        let mut spec = RunSettings {
            norm: set("bn"),
            activation: set("relu"),
            init: set("kaiming"),
            ..RunSettings::default()
        };
        change(&mut spec);
        explosion(&spec)
    }

    #[test]
    fn each_architecture_has_its_own_explosion_and_others_have_none() {
        let text = said(|_| {}).unwrap();
        assert!(text.ends_with("bn-relu networks in batches of 128 says 1.2164"));
        let set = |text: &str| Some(text.to_owned());
        let text = said(|spec| spec.norm = set("ln")).unwrap();
        assert!(text.ends_with("ln-relu networks says 1.0000"), "{text}");
        // √(14/13), as for any linear network of batch normalizations over 16 samples.
        let linear = said(|spec| {
            (spec.activation, spec.batch_size) = (set("identity"), 16);
        });
        assert!(linear.unwrap().ends_with("of 16 says 1.0377"));
        assert_eq!(said(|spec| spec.norm = set("gn")), None);
        assert_eq!(said(|spec| spec.norm = set("none")), None);
        assert_eq!(said(|spec| spec.init = set("orthogonal")), None);
        assert_eq!(said(|spec| spec.batch_size = 3), None);
        assert_eq!(said(|spec| spec.model = "resnet".to_owned()), None);
    }
}
