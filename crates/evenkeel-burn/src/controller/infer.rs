//! Which ELRs an optimiser goes by, found by trying it.
//!
//! Burn's optimisers are type-erased, so their steps have to tell: a clone steps a made-up parameter,
//! which has no state in it yet.

use burn::module::{Module, Param, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use evenkeel::control::Controls;
use evenkeel::optimizer::Measure;

/// Entries of the made-up gradient: above the ε of Adam-type optimisers, below what clipping shortens.
const GRADIENT: f32 = 0.01;
const LR: f64 = 0.1;

/// How an optimiser's steps follow gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kind {
    /// Those of gradients where twice the gradient makes twice the step.
    own: Measure,
    /// Whether a step moves the weight without a gradient.
    has_momentum: bool,
}

#[derive(Module, Debug)]
struct MadeUp {
    weight: Param<Tensor<2>>,
}

impl Kind {
    /// Tries the optimiser that all parameters share. Optimisers of parameter groups are not tried.
    pub(super) fn of<M: Module>(optimizer: &ModuleOptimizer, model: &M) -> Self {
        let devices = model.devices();
        let device = devices.first().cloned().unwrap_or_default();
        let [once, then] = tried(optimizer, &device, GRADIENT);
        let [twice, _] = tried(optimizer, &device, 2.0 * GRADIENT);
        Self {
            own: match twice > 1.5 * once {
                true => Measure::Gradient,
                false => Measure::Update,
            },
            has_momentum: then > 0.1 * once,
        }
    }

    /// The measure to steer by under these controls.
    pub(super) fn measure(self, controls: &Controls) -> Measure {
        controls.measure_under(self.own, self.has_momentum)
    }
}

/// The lengths of two steps from a zero weight: by a gradient, and then without one.
fn tried(optimizer: &ModuleOptimizer, device: &Device, gradient: f32) -> [f64; 2] {
    let mut optimizer = optimizer.clone();
    let zeros = Tensor::<2>::zeros([2, 2], device);
    let weight = Param::initialized(ParamId::new(), zeros.require_grad());
    let mut module = MadeUp { weight };
    let mut at = 0.0;
    [gradient, 0.0].map(|entry| {
        let id = module.weight.id;
        let mut gradients = GradientsParams::new();
        let like = module.weight.val().without_autodiff();
        gradients.register(id, like.full_like(entry));
        module = optimizer.step(LR, module.clone(), gradients);
        let moved: f64 = module
            .weight
            .val()
            .without_autodiff()
            .abs()
            .sum()
            .into_scalar();
        let step = (moved - at).abs();
        at = moved;
        step
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::momentum::MomentumConfig;
    use burn::optim::{AdamConfig, AdamWConfig, RmsPropConfig, SgdConfig};

    fn kind(optimizer: ModuleOptimizer) -> (Measure, bool) {
        let device = Device::flex().autodiff();
        let weight = Param::initialized(ParamId::new(), Tensor::<2>::ones([3, 4], &device));
        let kind = Kind::of(&optimizer, &MadeUp { weight });
        (kind.own, kind.has_momentum)
    }

    #[test]
    fn optimisers_are_told_apart_by_their_steps() {
        let sgd = || {
            SgdConfig::new()
                .with_weight_decay(Some(burn::optim::decay::WeightDecayConfig::new(5e-4)))
        };
        assert_eq!(kind(sgd().init()), (Measure::Gradient, false));
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        let heavy_ball = sgd().with_momentum(Some(momentum));
        assert_eq!(kind(heavy_ball.init()), (Measure::Gradient, true));
        assert_eq!(kind(AdamConfig::new().init()).0, Measure::Update);
        assert_eq!(kind(AdamWConfig::new().init()).0, Measure::Update);
        assert_eq!(kind(RmsPropConfig::new().init()).0, Measure::Update);
    }
}
