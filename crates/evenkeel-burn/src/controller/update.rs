//! What an optimiser's step changes, apart from the module that it changes.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use evenkeel::quantity::RescaleFactor;

/// `ΔW` of every parameter that learns.
pub(super) struct Update {
    changes: GradientsParams,
}

impl Update {
    /// From the module before the step to that after it.
    pub(super) fn between<M: Module>(before: &M, after: &M) -> Self {
        let mut changes = Differences {
            after: GradientsParams::new(),
            changes: GradientsParams::new(),
            collecting: true,
        };
        after.visit(&mut changes);
        changes.collecting = false;
        before.visit(&mut changes);
        Self {
            changes: changes.changes,
        }
    }

    /// The changes, in the place of gradients.
    pub(super) fn changes(&self) -> &GradientsParams {
        &self.changes
    }

    /// The module with each layer rescaled by its factor and then changed by its share of the update;
    /// other parameters take the share `others`.
    pub(super) fn taken<M: Module>(
        self,
        before: M,
        factors: &HashMap<ParamId, RescaleFactor>,
        shares: &HashMap<ParamId, f64>,
        others: f64,
    ) -> M {
        before.map(&mut Taking {
            changes: self.changes,
            factors,
            shares,
            others,
        })
    }
}

struct Differences {
    after: GradientsParams,
    changes: GradientsParams,
    collecting: bool,
}

impl ModuleVisitor for Differences {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics are visited too, but do not learn.
        if !param.is_require_grad() {
            return;
        }
        let value = param.val().without_autodiff();
        if self.collecting {
            self.after.register(param.id, value);
        } else if let Some(after) = self.after.remove::<D>(param.id) {
            self.changes.register(param.id, after - value);
        }
    }
}

struct Taking<'a> {
    changes: GradientsParams,
    factors: &'a HashMap<ParamId, RescaleFactor>,
    shares: &'a HashMap<ParamId, f64>,
    others: f64,
}

impl ModuleMapper for Taking<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(change) = self.changes.remove::<D>(param.id) else {
            return param;
        };
        let factor = self
            .factors
            .get(&param.id)
            .map_or(1.0, |factor| factor.get());
        let share = self.shares.get(&param.id).copied().unwrap_or(self.others);
        param.map(|weight| {
            let requires_gradient = weight.is_require_grad();
            let standing = weight.without_autodiff().mul_scalar(factor);
            let taken = Tensor::from_inner(standing + change.mul_scalar(share));
            taken.set_require_grad(requires_gradient)
        })
    }
}
