//! A network on its way through predicted steps: what a forecast and each member of an ensemble do.

use crate::control::{Controls, Moment, Plan};
use crate::optimizer::{LayerState, Optimizer, Step};
use crate::quantity::{Elr, GradientScale, Growth, LearningRate, LrMultiplier, Turn};

/// A network between two predicted steps.
#[derive(Debug, Clone)]
pub(crate) struct Rollout<'a> {
    optimizer: &'a Optimizer,
    controls: &'a Controls,
    layers: Vec<LayerState>,
    /// Those of the step before.
    multipliers: Vec<LrMultiplier>,
    /// The layers as the first step found them, rescaled if that began with it; empty before.
    starts: Vec<LayerState>,
    step: usize,
    path: f64,
}

impl<'a> Rollout<'a> {
    /// The network before its first step.
    pub(crate) fn new(start: &[Elr], optimizer: &'a Optimizer, controls: &'a Controls) -> Self {
        Self {
            optimizer,
            controls,
            layers: start.iter().map(|&elr| optimizer.start(elr)).collect(),
            multipliers: Vec::new(),
            starts: Vec::new(),
            step: 0,
            path: 0.0,
        }
    }

    /// The angle that weights have turned so far, summed over steps, mean over layers; in radians.
    pub(crate) fn path(&self) -> f64 {
        self.path
    }

    /// What the controls decide for the next step, when layer `l` has the gradient `scale(l)` times
    /// that of the start.
    pub(crate) fn plan(
        &self,
        target: LearningRate,
        scale: impl Fn(usize) -> GradientScale,
    ) -> Plan {
        let measure = self.optimizer.measure();
        let elr = |(index, layer): (usize, &LayerState)| layer.elr_at(scale(index), measure);
        let elrs: Vec<Elr> = self.layers.iter().enumerate().map(elr).collect();
        let moment = Moment {
            step: self.step,
            measure,
            multipliers: &self.multipliers,
            growths: &self.growths(),
            path: self.path,
        };
        self.controls.decide_at(&moment, elrs, target)
    }

    /// By how much norms have grown since the first step. ELRs at a steady base gradient tell:
    /// `E/E_0 = (σ/σ_0)^−p`.
    fn growths(&self) -> Vec<Growth> {
        let power = self.optimizer.measure().power();
        let growth = |(start, now): (&LayerState, &LayerState)| {
            Growth::from_ln((start.elr().ln() - now.elr().ln()) / power)
        };
        self.starts.iter().zip(&self.layers).map(growth).collect()
    }

    /// Takes the step as planned, and says by how much it turned each layer.
    ///
    /// What is rescaled stays so, and multipliers act on the layer's own rate, its decay included.
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        scale: impl Fn(usize) -> GradientScale,
    ) -> Vec<Turn> {
        if let Some(factors) = &plan.rescale {
            for (layer, factor) in self.layers.iter_mut().zip(factors) {
                *layer = self.optimizer.rescale(layer, *factor);
            }
        }
        if self.step == 0 {
            self.starts.clone_from(&self.layers);
        }
        let step = |(index, layer): (usize, &LayerState)| {
            let multiplier = plan.multipliers.as_ref().map(|all| all[index]);
            let lr = multiplier.map_or(plan.lr, |m| plan.lr.scaled(m));
            self.optimizer.step_scaled(layer, lr, scale(index))
        };
        let taken: Vec<Step> = self.layers.iter().enumerate().map(step).collect();
        self.layers = taken.iter().map(|step| step.layer).collect();
        self.multipliers = plan.multipliers.clone().unwrap_or_default();
        self.step += 1;
        let turns: Vec<Turn> = taken.iter().map(|step| step.turn).collect();
        self.path += mean_turn(&turns);
        turns
    }
}

/// The mean over layers, in radians; zero without layers.
pub(crate) fn mean_turn(turns: &[Turn]) -> f64 {
    turns.iter().map(|turn| turn.get()).sum::<f64>() / turns.len().max(1) as f64
}
