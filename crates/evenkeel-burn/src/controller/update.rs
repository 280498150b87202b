//! What an optimiser's step changes, apart from the module that it changes.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::scale::Scale;

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

    /// The module with each layer, or unit, rescaled by its factor and then changed by its fraction of the update;
    /// other parameters take the fraction `others`.
    pub(super) fn taken<M: Module>(
        self,
        before: M,
        factors: &HashMap<ParamId, Scale>,
        fractions: &HashMap<ParamId, Scale>,
        others: f64,
    ) -> M {
        before.map(&mut Taking {
            changes: self.changes,
            factors,
            fractions,
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
    factors: &'a HashMap<ParamId, Scale>,
    fractions: &'a HashMap<ParamId, Scale>,
    others: f64,
}

impl ModuleMapper for Taking<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(change) = self.changes.remove::<D>(param.id) else {
            return param;
        };
        let (factor, fraction) = (self.factors.get(&param.id), self.fractions.get(&param.id));
        param.map(|weight| {
            let requires_gradient = weight.is_require_grad();
            let weight = weight.without_autodiff();
            let standing = match factor {
                Some(factor) => factor.times(weight),
                None => weight,
            };
            let change = match fraction {
                Some(fraction) => fraction.times(change),
                None => change.mul_scalar(self.others),
            };
            Tensor::from_inner(standing + change).set_require_grad(requires_gradient)
        })
    }
}
