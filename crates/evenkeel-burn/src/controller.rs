//! The controller of the theory crate, acting on a Burn module.
//!
//! This is an adapter: it measures norms, and rescales weights or lets the optimiser step as the
//! [`Plan`] says. Decisions and state are those of [`evenkeel::controller::Controller`].

mod infer;
mod rates;
mod update;

use std::collections::HashMap;

use burn::module::{Module, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use evenkeel::control::Controls;
use evenkeel::controller::{self, Controller, ControllerState, Layer, Layers, Plan};
use evenkeel::optimizer::Measure;
use evenkeel::quantity::{Elr, LearningRate};
use thiserror::Error;

use crate::probe::{Probe, ProbeError, Reading};
use crate::rescale::{RescaleError, rescale, rescale_state};
use crate::scale::Scale;
use infer::Kind;
use rates::{Rates, by_layer};
use update::Update;

/// A step that cannot be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StepError {
    /// The norms cannot be measured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The weights cannot be rescaled.
    #[error(transparent)]
    Rescale(#[from] RescaleError),
}

/// Takes the steps of an optimiser under controls of the ELRs.
#[derive(Debug)]
pub struct ElrController {
    probe: Probe,
    layers: Layers,
    controls: Controls,
    measure: Option<Measure>,
    /// Once the measure is known: chosen, or inferred at the first step.
    controller: Option<Controller>,
    /// What a controller that is not known yet begins with.
    state: ControllerState,
}

/// What was measured and decided in one step. Vectors are in the order of [`Probe::parts`]: layers, or
/// their units.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// The norms in the weights as they stood, before the plan was carried out.
    pub readings: Vec<Reading>,
    /// What was decided and done.
    pub plan: Plan,
}

impl StepReport {
    /// The ELRs of the parts that are alive.
    pub fn alive(elrs: &[Option<Elr>]) -> Vec<Elr> {
        elrs.iter().flatten().copied().collect()
    }
}

impl ElrController {
    /// A controller for the module that `probe` was made from.
    pub fn new(probe: Probe, controls: impl Into<Controls>) -> Self {
        Self {
            layers: layers_of(&probe),
            probe,
            controls: controls.into(),
            measure: None,
            controller: None,
            state: ControllerState::default(),
        }
    }

    /// The same controller going by the ELRs of gradients or of updates, instead of those that the
    /// optimiser calls for.
    #[must_use]
    pub fn by_measure(mut self, measure: Measure) -> Self {
        self.measure = Some(measure);
        self
    }

    /// The same controller in the state that another was in.
    #[must_use]
    pub fn resumed(mut self, state: ControllerState) -> Self {
        self.state = state;
        self.controller = None;
        self
    }

    /// The same controller for a module of the same structure that was loaded.
    ///
    /// # Errors
    /// As [`Probe::rebound`].
    pub fn rebound<M: Module>(mut self, module: &M) -> Result<Self, ProbeError> {
        self.probe = self.probe.rebound(module)?;
        Ok(self)
    }

    /// What it remembers of the steps so far.
    pub fn state(&self) -> &ControllerState {
        match &self.controller {
            Some(controller) => controller.state(),
            None => &self.state,
        }
    }

    /// The probe.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Which ELRs it goes by; `None` until the first step, if that is to tell.
    pub fn measure(&self) -> Option<Measure> {
        let known = self.controller.as_ref().map(Controller::measure);
        known.or(self.measure)
    }

    /// Takes one step of the optimiser: measures, decides, and lets the optimiser act as decided.
    ///
    /// `target` is the rate that the schedule asks for. Which ELRs count follows from the optimiser,
    /// which the first step tries on a made-up parameter: those of gradients where its steps are in
    /// proportion to them, those of its updates otherwise, and where a control sets the lengths of
    /// steps under momentum (T27). [`ElrController::by_measure`] chooses instead.
    ///
    /// By gradients, layers step at rates of their own. Where units have rates of their own, each layer
    /// steps at the largest of them and each unit takes its fraction, which is exact for optimisers whose
    /// steps are in proportion to the rate. By updates, the optimiser tries its step first; the ELR is
    /// `‖ΔW‖/(λ‖W‖)` of the change it makes (T19), of which each layer then takes its fraction.
    ///
    /// # Errors
    /// [`StepError`]; the step is not counted then.
    pub fn step<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<(M, StepReport), StepError> {
        let measure = self.begin(&model, optimizer);
        match measure {
            Measure::Gradient => self.step_by_rates(model, gradients, optimizer, target),
            Measure::Update => self.step_by_update(model, gradients, optimizer, target),
        }
    }

    /// The measure, inferred at the first step unless it was chosen.
    fn begin<M: Module>(&mut self, model: &M, optimizer: &ModuleOptimizer) -> Measure {
        if let Some(controller) = &self.controller {
            return controller.measure();
        }
        let inferred = || Kind::of(optimizer, model).measure(&self.controls);
        let measure = self.measure.unwrap_or_else(inferred);
        let controller = Controller::new(self.controls.clone(), measure);
        self.controller = Some(controller.resumed(std::mem::take(&mut self.state)));
        measure
    }

    fn step_by_rates<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<(M, StepReport), StepError> {
        let readings = self.probe.read(&model, &gradients)?;
        self.undone_on_error(|this| {
            let plan = this.decide(&readings, target);
            let (model, gradients) = match plan.rescales {
                true => rescale(model, gradients, optimizer, &this.factors(&plan))?,
                false => (model, gradients),
            };
            let rates = Rates::of(&this.probe, &plan.multipliers);
            let lr = rates.learning_rate(plan.lr);
            let stepped = if rates.are_whole() {
                optimizer.step(lr, model, gradients)
            } else {
                let tried = optimizer.step(lr, model.clone(), gradients);
                let update = Update::between(&model, &tried);
                update.taken(model, &HashMap::new(), &rates.fractions(), 1.0)
            };
            Ok((stepped, StepReport { readings, plan }))
        })
    }

    fn step_by_update<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<(M, StepReport), StepError> {
        let tried = optimizer.step(target.get(), model.clone(), gradients);
        let update = Update::between(&model, &tried);
        let mut readings = self.probe.read(&model, update.changes())?;
        for reading in &mut readings {
            // An update at rate 0 says nothing: the layer counts as dead in this step.
            reading.gradient_norm = per_rate(reading.gradient_norm, target);
        }
        self.undone_on_error(|this| {
            let plan = this.decide(&readings, target);
            let stepped = if plan.leaves_elrs() && !plan.is_capped() {
                tried
            } else {
                let factors = this.factors(&plan);
                rescale_state(optimizer, &factors)?;
                let fractions = by_layer(&this.probe, plan.fractions.iter().copied());
                update.taken(model, &factors, &fractions, plan.fraction())
            };
            Ok((stepped, StepReport { readings, plan }))
        })
    }

    fn decide(&mut self, readings: &[Reading], target: LearningRate) -> Plan {
        let reading = |reading: &Reading| controller::Reading {
            weight_norm: reading.weight_norm,
            elr: reading.elr(),
            cosine: 0.0,
        };
        let readings: Vec<controller::Reading> = readings.iter().map(reading).collect();
        let controller = self.controller.as_mut();
        let controller = controller.expect("`step` begins with a controller");
        controller.step(&self.layers, &readings, target)
    }

    /// Does as `act` says; a step that fails is not counted. Only rescaling can fail.
    fn undone_on_error<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        let before = self.controls.rescales().then(|| self.controller.clone());
        let done = act(self);
        if let (Err(_), Some(before)) = (&done, before) {
            self.controller = before;
        }
        done
    }

    fn factors(&self, plan: &Plan) -> HashMap<ParamId, Scale> {
        by_layer(&self.probe, plan.factors.iter().map(|factor| factor.get()))
    }
}

fn layers_of(probe: &Probe) -> Layers {
    let layer = |layer: &crate::probe::Parameter| Layer {
        name: layer.path.clone(),
        parts: layer.parts(),
    };
    Layers::new(probe.layers().map(layer)).expect("paths of a module are unique")
}

fn per_rate(norm: f64, lr: LearningRate) -> f64 {
    if lr.get() > 0.0 { norm / lr.get() } else { 0.0 }
}
