//! The controls of the theory crate, acting on a real network in two lines of a training loop.

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ParamGroup, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use evenkeel::control::{Controls, Plan};
use evenkeel::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor};
use thiserror::Error;

use crate::probe::{Probe, ProbeError, Reading};
use crate::rescale::{RescaleError, rescale};

/// What can go wrong while steering.
#[derive(Debug, Error)]
pub enum SteerError {
    /// The norms could not be measured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The weights could not be rescaled.
    #[error(transparent)]
    Rescale(#[from] RescaleError),
}

/// Measures ELRs at each step and carries out what the controls decide.
#[derive(Debug)]
pub struct ElrController {
    probe: Probe,
    controls: Controls,
    step: usize,
    /// Those of the step before, in the order of the probe's layers.
    multipliers: Vec<LrMultiplier>,
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

/// What was measured and decided in one step. Arrays are in the order of [`Probe::layers`].
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The norms in the weights as they stood, before the controls acted.
    pub readings: Vec<Reading>,
    /// The ELRs as they stood; `None` for a layer that got a zero gradient.
    pub raw: Vec<Option<Elr>>,
    /// The ELRs as they would have acted under the previous step's multipliers: what one step and
    /// a fresh batch have undone of the equality that `hold` had made. Equal to `raw` without it.
    pub drifted: Vec<Option<Elr>>,
    /// The ELRs as they act in this step.
    pub acting: Vec<Option<Elr>>,
    /// The multiplier of each layer's rate.
    pub multipliers: Vec<LrMultiplier>,
    /// The factor by which each weight was rescaled before this step.
    pub factors: Vec<RescaleFactor>,
    /// The rate used for everything that has no multiplier.
    pub lr: LearningRate,
    /// The critical rate at the acting ELRs; `None` when every layer is dead.
    pub critical: Option<LearningRate>,
}

impl StepReport {
    /// The ELRs of the layers that are alive.
    pub fn alive(elrs: &[Option<Elr>]) -> Vec<Elr> {
        elrs.iter().flatten().copied().collect()
    }
}

impl ElrController {
    /// A controller for the module that `probe` was made from.
    pub fn new(probe: Probe, controls: Controls) -> Self {
        let layers = probe.layers().len();
        Self {
            probe,
            controls,
            step: 0,
            multipliers: vec![LrMultiplier::ONE; layers],
        }
    }

    /// A controller that goes on where another one was after `step` steps, with the multipliers of
    /// its last step; layers without one have 1.
    pub fn resumed(
        probe: Probe,
        controls: Controls,
        step: usize,
        multipliers: Vec<LrMultiplier>,
    ) -> Self {
        let mut controller = Self::new(probe, controls);
        controller.step = step;
        for (mine, given) in controller.multipliers.iter_mut().zip(multipliers) {
            *mine = given;
        }
        controller
    }

    /// The multipliers of the last step, in the order of the probe's layers.
    pub fn multipliers(&self) -> &[LrMultiplier] {
        &self.multipliers
    }

    /// The probe.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The number of steps steered so far.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Measures, decides and prepares one step. `target` is the rate that the schedule asks for.
    ///
    /// Layers with a zero gradient in this step take no part in the decision. ELRs are those of the
    /// gradients, which is what acts under SGD, with momentum or without; under Adam-type optimisers
    /// they only say how gradients and weights compare (T19).
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
        let ids: Vec<ParamId> = self.probe.layers().map(|layer| layer.id).collect();
        let raw: Vec<Option<Elr>> = readings.iter().map(|reading| elr(*reading)).collect();
        let plan = self
            .controls
            .decide(self.step, &StepReport::alive(&raw), target);
        let report = self.report(readings, raw, &plan);

        let (model, gradients) = match &plan.rescale {
            Some(_) => {
                let factors = ids.iter().copied().zip(report.factors.iter().copied());
                rescale(model, gradients, optimizer, &factors.collect())?
            }
            None => (model, gradients),
        };
        self.multipliers.clone_from(&report.multipliers);
        self.step += 1;
        Ok(Steered {
            model,
            gradients,
            lr: layer_rates(&plan, &ids, &report.multipliers),
            report,
        })
    }

    fn report(&self, readings: Vec<Reading>, raw: Vec<Option<Elr>>, plan: &Plan) -> StepReport {
        let drifted = raw
            .iter()
            .zip(&self.multipliers)
            .map(|(elr, multiplier)| elr.map(|elr| evenkeel::equalise::acting(elr, *multiplier)))
            .collect();
        StepReport {
            acting: spread_out(&raw, &plan.elrs, None, Some),
            multipliers: spread_out(
                &raw,
                plan.multipliers.as_deref().unwrap_or_default(),
                LrMultiplier::ONE,
                |multiplier| multiplier,
            ),
            factors: spread_out(
                &raw,
                plan.rescale.as_deref().unwrap_or_default(),
                RescaleFactor::ONE,
                |factor| factor,
            ),
            lr: plan.lr,
            critical: plan.critical,
            readings,
            raw,
            drifted,
        }
    }
}

/// The ELR of a reading that passed [`Probe::read`], `None` for a dead layer.
fn elr(reading: Reading) -> Option<Elr> {
    reading.norms().ok()?.elr().ok()
}

/// Puts the values decided for the layers that are alive back into the order of all layers.
fn spread_out<T: Copy, U: Copy>(
    raw: &[Option<Elr>],
    decided: &[T],
    otherwise: U,
    wrap: impl Fn(T) -> U,
) -> Vec<U> {
    let mut decided = decided.iter();
    raw.iter()
        .map(|elr| {
            elr.and_then(|_| decided.next())
                .map_or(otherwise, |value| wrap(*value))
        })
        .collect()
}

/// The plan's rate for all parameters, with a rate of its own for each layer under `hold` (T23).
fn layer_rates(plan: &Plan, ids: &[ParamId], multipliers: &[LrMultiplier]) -> ModuleLearningRate {
    let base = plan.lr.get();
    if plan.multipliers.is_none() {
        return base.into();
    }
    let mut scheduler = ids.iter().zip(multipliers).fold(
        ModuleLrScheduler::new(base),
        |scheduler, (&id, multiplier)| {
            let rate = plan.lr.scaled(*multiplier).get();
            scheduler.with_group(ParamGroup::from_ids(vec![id]), rate)
        },
    );
    // A scheduler of constants is the only public way to a rate for each parameter.
    scheduler.step()
}
