//! The controls of the theory crate, acting on a real network in two lines of a training loop.

mod rates;
mod update;

use std::collections::HashMap;
use std::sync::Arc;

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::{Module, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use evenkeel::control::{Controls, Moment, Plan};
use evenkeel::optimizer::Measure;
use evenkeel::quantity::{
    Elr, Growth, LearningRate, LrMultiplier, RescaleFactor, WeightNorm, all_are,
};
use thiserror::Error;

use crate::probe::{Probe, ProbeError, Reading};
use crate::rescale::{RescaleError, rescale, rescale_state};
use crate::scale::Scale;
use rates::{Rates, by_layer};
use update::Update;

/// What can go wrong while steering.
#[derive(Debug, Error)]
pub enum SteerError {
    /// The norms could not be measured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The weights could not be rescaled.
    #[error(transparent)]
    Rescale(#[from] RescaleError),
    /// The controls give each unit a rate of its own, which no optimiser takes.
    #[error(
        "an optimiser takes one rate for each parameter, but {controls} gives every unit its own; \
         let `ElrController::advance` do the step"
    )]
    UnitRates {
        /// The controls.
        controls: String,
    },
}

/// Measures ELRs at each step and carries out what the controls decide.
#[derive(Debug)]
pub struct ElrController {
    probe: Probe,
    controls: Controls,
    measure: Measure,
    past: Past,
    /// The factors of a step that rescales nothing.
    unscaled: Arc<[RescaleFactor]>,
}

/// What a controller knows of the steps before: with it, a run that was broken off goes on as it would have.
/// Arrays are in the order of the probe's parts, and empty before the first step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// How many steps were steered.
    pub steps: usize,
    /// The multipliers of the last one.
    pub multipliers: Arc<[LrMultiplier]>,
    /// `‖W‖` as the first step found it, which spheres go by (T25).
    pub starts: Vec<f64>,
    /// The angle that weights have turned, summed over steps, mean over layers, in radians (T24's `P`); zero
    /// under controls that do not go by it.
    pub path: f64,
}

/// A step made ready: hand `lr`, `model` and `gradients` to the optimiser.
pub struct Steered<M> {
    /// The module, rescaled if the controls asked for it.
    pub model: M,
    /// Its gradients, rescaled with it.
    pub gradients: GradientsParams,
    /// The rate of the step, with a rate of its own for each layer under `hold`.
    pub lr: ModuleLearningRate,
    /// What was measured and decided.
    pub report: StepReport,
}

/// What was measured and decided in one step. Arrays are in the order of [`Probe::parts`]: layers, or
/// their units. What is said of layers holds for units. Those that are the same are shared: units are
/// many.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The norms in the weights as they stood, before the controls acted.
    pub readings: Vec<Reading>,
    /// The ELRs as they stood; `None` for a layer that got a zero gradient.
    pub raw: Arc<[Option<Elr>]>,
    /// The ELRs as they would have acted under the previous step's multipliers: what one step and
    /// a fresh batch have undone of the equality that `hold` had made. Equal to `raw` without it.
    pub drifted: Arc<[Option<Elr>]>,
    /// The ELRs as they act in this step.
    pub acting: Arc<[Option<Elr>]>,
    /// The multiplier of each layer's rate. A layer that is dead in this step keeps the one it had.
    pub multipliers: Arc<[LrMultiplier]>,
    /// The factor by which each weight was rescaled before this step.
    pub factors: Arc<[RescaleFactor]>,
    /// The rate used for everything that has no multiplier.
    pub lr: LearningRate,
    /// The critical rate at the acting ELRs; `None` when every layer is dead.
    pub critical: Option<LearningRate>,
}

impl StepReport {
    /// The ELRs of the layers that are alive.
    pub fn alive(elrs: &[Option<Elr>]) -> Vec<Elr> {
        // Nearly all are, and a list that grows is copied.
        let mut alive = Vec::with_capacity(elrs.len());
        alive.extend(elrs.iter().flatten());
        alive
    }
}

impl ElrController {
    /// A controller for the module that `probe` was made from.
    pub fn new(probe: Probe, controls: Controls) -> Self {
        let parts = probe.parts().count();
        Self {
            probe,
            controls,
            measure: Measure::Gradient,
            past: Past::default(),
            unscaled: std::iter::repeat_n(RescaleFactor::ONE, parts).collect(),
        }
    }

    /// The same controller going by the ELRs of gradients, as for SGD, or by those of the update, as for
    /// Adam and where ELRs are held under momentum ([`ElrController::advance`] measures both).
    /// [`Controls::measure`] says which an optimiser and a control go by.
    pub fn for_measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }

    /// The same controller as it was after these steps ([`ElrController::past`]).
    pub fn resumed(mut self, past: Past) -> Self {
        self.past = past;
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

    /// What it knows of the steps so far.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// The probe.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Measures, decides and prepares one step. `target` is the rate that the schedule asks for.
    ///
    /// Layers with a zero gradient in this step take no part in the decision. ELRs are those of the
    /// gradients, which is what acts under SGD; for Adam-type optimisers, and to hold ELRs under
    /// momentum, see [`ElrController::advance`].
    ///
    /// # Errors
    /// [`SteerError`]; the step is not counted then.
    pub fn steer<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<Steered<M>, SteerError> {
        let readings = self.probe.read(&model, &gradients)?;
        let Decision { plan, report } = self.decide(readings, Measure::Gradient, target);
        let rates = Rates::of(&self.probe, &report.multipliers);
        if !rates.are_whole() {
            return Err(SteerError::UnitRates {
                controls: self.controls.to_string(),
            });
        }
        let (model, gradients) = self.prepared(model, gradients, optimizer, &plan, &report)?;
        self.count(&plan, &report);
        Ok(Steered {
            model,
            gradients,
            lr: rates.learning_rate(plan.lr),
            report,
        })
    }

    /// The module and its gradients, rescaled if the plan asks for it.
    fn prepared<M: Module>(
        &self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        plan: &Plan,
        report: &StepReport,
    ) -> Result<(M, GradientsParams), RescaleError> {
        match &plan.rescale {
            Some(_) => rescale(model, gradients, optimizer, &self.factors(report)),
            None => Ok((model, gradients)),
        }
    }

    /// Does a whole step: measures, decides, and lets the optimiser act.
    ///
    /// Under [`Measure::Gradient`] it is [`ElrController::steer`] and the optimiser's step; where units
    /// have rates of their own, each layer steps at the largest of its units' rates, and each unit
    /// takes its share of that, which is exact for optimisers that go in proportion to the rate and
    /// whose state does not know it, weight decay included. Under [`Measure::Update`] the optimiser tries its step first; the ELR is that of the update
    /// it makes, `‖ΔW‖/(λ‖W‖)` (T19), and the update is then taken as far as the plan says.
    ///
    /// # Errors
    /// [`SteerError`]; the step is not counted then.
    pub fn advance<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<(M, StepReport), SteerError> {
        match self.measure {
            Measure::Gradient => self.advance_by_rates(model, gradients, optimizer, target),
            Measure::Update => self.advance_by_update(model, gradients, optimizer, target),
        }
    }

    fn advance_by_rates<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<(M, StepReport), SteerError> {
        let readings = self.probe.read(&model, &gradients)?;
        let Decision { plan, report } = self.decide(readings, Measure::Gradient, target);
        let rates = Rates::of(&self.probe, &report.multipliers);
        let (model, gradients) = self.prepared(model, gradients, optimizer, &plan, &report)?;
        let lr = rates.learning_rate(plan.lr);
        let stepped = if rates.are_whole() {
            optimizer.step(lr, model, gradients)
        } else {
            let tried = optimizer.step(lr, model.clone(), gradients);
            let update = Update::between(&model, &tried);
            update.taken(model, &HashMap::new(), &rates.shares(), 1.0)
        };
        self.count(&plan, &report);
        Ok((stepped, report))
    }

    fn advance_by_update<M: Module>(
        &mut self,
        model: M,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        target: LearningRate,
    ) -> Result<(M, StepReport), SteerError> {
        let tried = optimizer.step(target.get(), model.clone(), gradients);
        let update = Update::between(&model, &tried);
        let mut readings = self.probe.read(&model, update.changes())?;
        for reading in &mut readings {
            // An update at rate 0 says nothing: the layer counts as dead in this step.
            reading.gradient_norm = per_rate(reading.gradient_norm, target);
        }
        let Decision { plan, report } = self.decide(readings, Measure::Update, target);
        let stepped = if plan.leaves_elrs() && !plan.is_capped() {
            tried
        } else {
            rescale_state(optimizer, &self.factors(&report))?;
            let shares = self.shares(&plan, &report);
            update.taken(model, &self.factors(&report), &shares, plan.share())
        };
        self.count(&plan, &report);
        Ok((stepped, report))
    }

    fn factors(&self, report: &StepReport) -> HashMap<ParamId, Scale> {
        by_layer(
            &self.probe,
            report.factors.iter().map(|factor| factor.get()),
        )
    }

    /// Which share of its tried update each layer takes.
    fn shares(&self, plan: &Plan, report: &StepReport) -> HashMap<ParamId, Scale> {
        let share = |multiplier: &LrMultiplier| plan.share() * multiplier.get();
        by_layer(&self.probe, report.multipliers.iter().map(share))
    }

    fn decide(&self, readings: Vec<Reading>, measure: Measure, target: LearningRate) -> Decision {
        let raw: Arc<[Option<Elr>]> = readings.iter().map(|reading| reading.elr()).collect();
        let (multipliers, growths) = match self.controls.remembers() {
            true => (
                of_alive(&raw, self.past.multipliers.iter().copied()),
                of_alive(&raw, self.growths(&readings)),
            ),
            false => Default::default(),
        };
        let moment = Moment {
            step: self.past.steps,
            measure,
            multipliers: &multipliers,
            growths: &growths,
            path: self.past.path,
        };
        let plan = self
            .controls
            .decide_at(&moment, StepReport::alive(&raw), target);
        let report = self.report(readings, raw, &plan);
        Decision { plan, report }
    }

    /// By how much each weight has grown since the first step.
    fn growths(&self, readings: &[Reading]) -> impl Iterator<Item = Growth> {
        let norm = |norm: f64| WeightNorm::new(norm).ok();
        let growth = move |(start, now): (&f64, &Reading)| {
            let norms = norm(*start).zip(norm(now.weight_norm));
            norms.map_or(Growth::ONE, |(start, now)| Growth::between(start, now))
        };
        self.past.starts.iter().zip(readings).map(growth)
    }

    fn count(&mut self, plan: &Plan, report: &StepReport) {
        let past = &mut self.past;
        past.multipliers = report.multipliers.clone();
        past.starts.resize(report.readings.len(), 0.0);
        // A unit that was zero starts when it has a norm; mostly all have started.
        if past.starts.contains(&0.0) {
            let norms = report.readings.iter().zip(report.factors.iter());
            for (start, (reading, factor)) in past.starts.iter_mut().zip(norms) {
                if *start == 0.0 {
                    *start = reading.weight_norm * factor.get();
                }
            }
        }
        if self.controls.remembers() {
            past.path += plan.mean_turn();
        }
        past.steps += 1;
    }

    fn report(&self, readings: Vec<Reading>, raw: Arc<[Option<Elr>]>, plan: &Plan) -> StepReport {
        let before = match self.past.multipliers.len() == raw.len() {
            true => self.past.multipliers.clone(),
            false => std::iter::repeat_n(LrMultiplier::ONE, raw.len()).collect(),
        };
        let held = !all_are(&before, &LrMultiplier::ONE);
        let drifted = match held {
            false => raw.clone(),
            true => {
                let acting = |(elr, multiplier): (&Option<Elr>, &LrMultiplier)| {
                    elr.map(|elr| evenkeel::equalise::acting(elr, *multiplier))
                };
                raw.iter().zip(before.iter()).map(acting).collect()
            }
        };
        let acting = match plan.leaves_elrs() {
            true => raw.clone(),
            false => spread_out(&raw, &plan.elrs, |_| None, Some),
        };
        StepReport {
            acting,
            multipliers: match &plan.multipliers {
                None => before,
                Some(decided) => spread_out(
                    &raw,
                    decided,
                    |index| before[index],
                    |multiplier| multiplier,
                ),
            },
            factors: match &plan.rescale {
                None => self.unscaled.clone(),
                Some(decided) => spread_out(&raw, decided, |_| RescaleFactor::ONE, |factor| factor),
            },
            lr: plan.lr,
            critical: plan.critical,
            readings,
            raw,
            drifted,
        }
    }
}

fn per_rate(norm: f64, lr: LearningRate) -> f64 {
    if lr.get() > 0.0 { norm / lr.get() } else { 0.0 }
}

/// A plan with the report of what led to it.
struct Decision {
    plan: Plan,
    report: StepReport,
}

/// The values of the layers that are alive.
fn of_alive<T>(raw: &[Option<Elr>], values: impl Iterator<Item = T>) -> Vec<T> {
    let alive = |(elr, value): (&Option<Elr>, T)| elr.map(|_| value);
    raw.iter().zip(values).filter_map(alive).collect()
}

/// Puts the values decided for the layers that are alive back into the order of all layers.
fn spread_out<T: Copy, U>(
    raw: &[Option<Elr>],
    decided: &[T],
    otherwise: impl Fn(usize) -> U,
    wrap: impl Fn(T) -> U,
) -> Arc<[U]> {
    let mut decided = decided.iter();
    raw.iter()
        .enumerate()
        .map(|(index, elr)| {
            elr.and_then(|_| decided.next())
                .map_or_else(|| otherwise(index), |value| wrap(*value))
        })
        .collect()
}
