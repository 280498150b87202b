//! Walks over a module's parameters, with their paths and gradients.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::norm_source::NormSource;
use super::reading::{Reading, Sums};
use super::{Parameter, Role, Units};

/// Walks a module and hands each float parameter that learns to a collector.
pub(super) struct Reader<'a, C> {
    gradients: &'a GradientsParams,
    collector: &'a mut C,
}

impl<'a, C> Reader<'a, C> {
    pub(super) fn new(gradients: &'a GradientsParams, collector: &'a mut C) -> Self {
        Self {
            gradients,
            collector,
        }
    }
}

/// What a walk over the parameters is for.
pub(super) trait Collector {
    /// Whether the parameter is of interest; others are not touched.
    fn wants(&self, id: ParamId) -> bool;
    /// Hears which module the next parameters are within, if it goes by names.
    fn enter(&mut self, _name: &str) {}
    /// Hears that they are no longer.
    fn leave(&mut self) {}
    /// Takes a parameter, with its gradient if it has one.
    fn take<const D: usize>(&mut self, id: ParamId, weight: Tensor<D>, gradient: Option<Tensor<D>>);
}

impl<C: Collector> ModuleVisitor for Reader<'_, C> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.collector.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.collector.leave();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics and frozen weights are visited too, but do not learn.
        if self.collector.wants(param.id) && param.is_require_grad() {
            let weight = param.val().without_autodiff();
            let gradient = self.gradients.get::<D>(param.id);
            self.collector.take(param.id, weight, gradient);
        }
    }
}

/// Collects every parameter, to classify it.
pub(super) struct Survey {
    path: Vec<String>,
    pub(super) seen: Vec<Seen>,
    pub(super) sums: Sums,
}

impl Survey {
    pub(super) fn new(norms: NormSource) -> Self {
        Self {
            path: Vec::new(),
            seen: Vec::new(),
            sums: Sums::new(norms, 0),
        }
    }
}

pub(super) struct Seen {
    id: ParamId,
    path: String,
    shape: Vec<usize>,
    slot: Option<usize>,
}

impl Seen {
    pub(super) fn classify(self, readings: &[Reading]) -> Parameter {
        let found = self.slot.map(|slot| readings[slot]);
        let role = match found {
            _ if self.shape.len() < 2 => Role::Vector,
            Some(r) if r.weight_norm > 0.0 && r.gradient_norm > 0.0 => {
                if r.is_orthogonal(&self.shape) {
                    Role::ScaleInvariant
                } else {
                    Role::ScaleDependent
                }
            }
            _ => Role::Silent,
        };
        Parameter {
            id: self.id,
            path: self.path,
            shape: self.shape,
            role,
            found,
            units: None,
        }
    }
}

impl Collector for Survey {
    fn wants(&self, _id: ParamId) -> bool {
        true
    }

    fn enter(&mut self, name: &str) {
        self.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn take<const D: usize>(
        &mut self,
        id: ParamId,
        weight: Tensor<D>,
        gradient: Option<Tensor<D>>,
    ) {
        self.seen.push(Seen {
            id,
            path: self.path.join("."),
            shape: weight.dims().to_vec(),
            slot: gradient.map(|gradient| self.sums.push(weight, gradient, None)),
        });
    }
}

/// Collects the tracked layers only.
pub(super) struct Tracked<'a> {
    pub(super) positions: &'a HashMap<ParamId, usize>,
    /// The units of each layer that is read by units.
    pub(super) units: Vec<Option<Units>>,
    /// Where the readings of each layer begin.
    pub(super) found: Vec<Option<usize>>,
    pub(super) sums: Sums,
}

impl Collector for Tracked<'_> {
    fn wants(&self, id: ParamId) -> bool {
        self.positions.contains_key(&id)
    }

    fn take<const D: usize>(
        &mut self,
        id: ParamId,
        weight: Tensor<D>,
        gradient: Option<Tensor<D>>,
    ) {
        let position = self.positions[&id];
        let axis = self.units[position].map(|units| units.axis);
        self.found[position] = gradient.map(|gradient| self.sums.push(weight, gradient, axis));
    }
}

/// The identity of every float parameter, by its path.
pub(super) fn identities<M: Module>(module: &M) -> HashMap<String, ParamId> {
    let mut walk = Identities::default();
    module.visit(&mut walk);
    walk.found
}

#[derive(Default)]
struct Identities {
    path: Vec<String>,
    found: HashMap<String, ParamId>,
}

impl ModuleVisitor for Identities {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.join("."), param.id);
    }
}
