//! The optimisers of the theory, as Burn has them.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{
    AdamWConfig, LearningRate, ModuleOptimizer, Optimizer, Sgd, SgdConfig, SgdState,
};
use burn::tensor::{Device, Tensor};
use evenkeel::optimizer::{self as theory, Decay, Measure};

/// ε of Adam, as PyTorch has it.
const EPSILON: f32 = 1e-8;

/// Burn's optimiser for the theory's: no dampening, biases and gains decayed like weights.
pub fn build(optimizer: &theory::Optimizer) -> ModuleOptimizer {
    let settings = optimizer.settings();
    match optimizer.measure() {
        Measure::Update => {
            let decay = match settings.decay {
                Decay::Decoupled(decay) => decay.get(),
                Decay::None | Decay::Coupled(_) => 0.0,
            };
            AdamWConfig::new()
                .with_beta_1(settings.momentum.get() as f32)
                .with_beta_2(settings.second.get() as f32)
                .with_epsilon(EPSILON)
                .with_weight_decay(decay as f32)
                .init()
        }
        Measure::Gradient => sgd(optimizer),
    }
}

fn sgd(optimizer: &theory::Optimizer) -> ModuleOptimizer {
    let settings = optimizer.settings();
    let momentum = MomentumConfig::new()
        .with_momentum(settings.momentum.get())
        .with_dampening(0.0)
        .with_nesterov(optimizer.entry().name == "nesterov");
    let config = SgdConfig::new();
    let config = match settings.momentum.get() > 0.0 {
        true => config.with_momentum(Some(momentum)),
        false => config,
    };
    match settings.decay {
        Decay::None => config.init(),
        Decay::Coupled(decay) => {
            let decay = WeightDecayConfig::new(decay.get() as f32);
            config.with_weight_decay(Some(decay)).init()
        }
        Decay::Decoupled(decay) => ModuleOptimizer::from(DecoupledSgd {
            sgd: config.build(),
            decay: decay.get(),
        }),
    }
}

/// SGD that shrinks weights apart from the gradient, `w′ = (1 − λγ)w − λm′` (T17), which Burn does
/// not have.
#[derive(Clone)]
struct DecoupledSgd {
    sgd: Sgd,
    decay: f64,
}

impl Optimizer for DecoupledSgd {
    type State<const D: usize> = SgdState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let shrunk = tensor.mul_scalar(1.0 - lr * self.decay);
        self.sgd.step(lr, shrunk, grad, state)
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        Sgd::to_device(state, device)
    }
}
