//! The rates of layers and of their units, as far as an optimiser takes them.

use std::collections::HashMap;

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{ParamGroup, ParamId};
use evenkeel::quantity::{LearningRate, LrMultiplier, all_are};

use crate::probe::Probe;
use crate::scale::Scale;

/// The largest multiplier at which a layer with units is made to step. A unit whose own is larger
/// takes more than the whole of the step, which costs digits; without a bound the step of the others
/// could leave the numbers.
const LARGEST: f64 = 1e6;

/// What the rate of each layer is multiplied by.
pub(super) struct Rates {
    layers: Vec<LayerRate>,
}

struct LayerRate {
    id: ParamId,
    /// For the optimiser.
    multiplier: LrMultiplier,
    /// The axis of the units, and which fraction each takes of the step at that multiplier.
    fractions: Option<(usize, Vec<f64>)>,
}

impl Rates {
    /// From the multipliers of the probe's parts.
    pub(super) fn of(probe: &Probe, multipliers: &[LrMultiplier]) -> Self {
        let mut rest = multipliers;
        let layers = probe.layers().map(|layer| {
            let own;
            (own, rest) = rest.split_at(layer.parts());
            let unequal = !all_are(own, &own[0]);
            // One speaks for all that are equal: units are many.
            let speaking = if unequal { own } else { &own[..1] };
            let largest = speaking
                .iter()
                .map(|m| m.get())
                .fold(f64::MIN_POSITIVE, f64::max);
            let multiplier = match unequal && largest > LARGEST {
                true => LrMultiplier::from_ln(LARGEST.ln()),
                false => LrMultiplier::new(largest).unwrap_or(LrMultiplier::ONE),
            };
            let fraction = |m: &LrMultiplier| m.get() / multiplier.get();
            let units = layer.units.filter(|_| unequal);
            LayerRate {
                id: layer.id,
                multiplier,
                fractions: units.map(|units| (units.axis, own.iter().map(fraction).collect())),
            }
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// Whether no unit has a rate of its own.
    pub(super) fn are_whole(&self) -> bool {
        self.layers.iter().all(|layer| layer.fractions.is_none())
    }

    /// `lr` for all parameters, with a rate of its own for each layer that has a multiplier (T23).
    pub(super) fn learning_rate(&self, lr: LearningRate) -> ModuleLearningRate {
        let base = lr.get();
        if self
            .layers
            .iter()
            .all(|l| l.multiplier == LrMultiplier::ONE)
        {
            return base.into();
        }
        let group = |scheduler: ModuleLrScheduler, layer: &LayerRate| {
            let rate = lr.scaled(layer.multiplier).get();
            scheduler.with_group(ParamGroup::from_ids(vec![layer.id]), rate)
        };
        let mut scheduler = self.layers.iter().fold(ModuleLrScheduler::new(base), group);
        // A scheduler of constants is the only public way to a rate for each parameter.
        scheduler.step()
    }

    /// The fractions of the units that have rates of their own.
    pub(super) fn fractions(self) -> HashMap<ParamId, Scale> {
        let fraction = |layer: LayerRate| {
            let (axis, fractions) = layer.fractions?;
            Some((layer.id, Scale::new(Some(axis), fractions)))
        };
        self.layers.into_iter().filter_map(fraction).collect()
    }
}

/// Values of the probe's parts, by layer.
pub(super) fn by_layer(
    probe: &Probe,
    mut values: impl Iterator<Item = f64>,
) -> HashMap<ParamId, Scale> {
    let scale = |layer: &crate::probe::Parameter| {
        let axis = layer.units.map(|units| units.axis);
        let own = values.by_ref().take(layer.parts()).collect();
        (layer.id, Scale::new(axis, own))
    };
    probe.layers().map(scale).collect()
}
