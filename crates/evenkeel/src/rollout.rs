//! A network on its way through predicted steps: the host that forecasts and ensembles share.
//!
//! It measures by the optimisers' recurrences instead of on tensors. Deciding is left to the
//! [`Controller`], as in every host.

use crate::control::Controls;
use crate::controller::{Controller, Layers, Plan, Reading};
use crate::optimizer::{LayerState, Optimizer, Step};
use crate::quantity::{Elr, GradientScale, Growth, LearningRate, RescaleFactor, Turn};

/// A network between two predicted steps.
#[derive(Debug, Clone)]
pub(crate) struct Rollout<'a> {
    optimizer: &'a Optimizer,
    controller: Controller,
    names: Layers,
    layers: Vec<LayerState>,
    /// ELRs of the start, relative to which norms are known.
    start: Vec<Elr>,
    path: f64,
}

impl<'a> Rollout<'a> {
    /// The network before its first step.
    pub(crate) fn new(start: &[Elr], optimizer: &'a Optimizer, controls: &Controls) -> Self {
        Self {
            optimizer,
            controller: Controller::new(controls.clone(), optimizer.measure()),
            names: Layers::numbered(start.len()),
            layers: start.iter().map(|&elr| optimizer.start(elr)).collect(),
            start: start.to_vec(),
            path: 0.0,
        }
    }

    /// The angle that weights have turned so far, buffers included, summed over steps, mean over
    /// layers; in radians.
    pub(crate) fn path(&self) -> f64 {
        self.path
    }

    /// What the controller decides for the next step, when layer `l` has the gradient `scale(l)` times
    /// that of the start.
    pub(crate) fn plan(
        &mut self,
        target: LearningRate,
        scale: impl Fn(usize) -> GradientScale,
    ) -> Plan {
        let measure = self.optimizer.measure();
        let reading = |(index, layer): (usize, &LayerState)| Reading {
            weight_norm: self.relative_norm(index),
            elr: Some(layer.elr_at(scale(index), measure)),
            cosine: 0.0,
        };
        let readings: Vec<Reading> = self.layers.iter().enumerate().map(reading).collect();
        self.controller.step(&self.names, &readings, target)
    }

    /// The norm of a weight over its norm at the start. ELRs at a steady base gradient tell it:
    /// `E/E_0 = (σ/σ_0)^−p`.
    fn relative_norm(&self, index: usize) -> f64 {
        let power = self.optimizer.measure().power();
        let ln = (self.start[index].ln() - self.layers[index].elr().ln()) / power;
        Growth::from_ln(ln).get()
    }

    /// Takes the step as planned, and says by how much it turned each layer.
    ///
    /// What is rescaled stays so, and multipliers act on the layer's own rate, its decay included.
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        scale: impl Fn(usize) -> GradientScale,
    ) -> Vec<Turn> {
        if plan.rescales {
            self.rescale(&plan.factors);
        }
        let step = |(index, layer): (usize, &LayerState)| {
            let lr = plan.lr.scaled(plan.multipliers[index]);
            self.optimizer.step_scaled(layer, lr, scale(index))
        };
        let taken: Vec<Step> = self.layers.iter().enumerate().map(step).collect();
        self.layers = taken.iter().map(|step| step.layer).collect();
        let turns: Vec<Turn> = taken.iter().map(|step| step.turn).collect();
        self.path += mean_turn(&turns);
        turns
    }

    fn rescale(&mut self, factors: &[RescaleFactor]) {
        for (layer, factor) in self.layers.iter_mut().zip(factors) {
            *layer = self.optimizer.rescale(layer, *factor);
        }
    }
}

/// The mean over layers, in radians; zero without layers.
pub(crate) fn mean_turn(turns: &[Turn]) -> f64 {
    turns.iter().map(|turn| turn.get()).sum::<f64>() / turns.len().max(1) as f64
}
