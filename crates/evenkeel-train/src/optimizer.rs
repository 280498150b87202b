//! The optimisers of the theory, as Burn has them.

use burn::optim::momentum::{Momentum, MomentumConfig};
use burn::optim::{
    AdamWConfig, LearningRate, LionConfig, ModuleOptimizer, Optimizer, Sgd, SgdState,
};
use burn::tensor::{Device, Tensor};
use evenkeel::optimizer::{self as theory, Decay, Kind};
use evenkeel_ops::Kernels;

/// ε of Adam, as PyTorch has it.
const EPSILON: f32 = 1e-8;

/// Burn's optimiser for the theory's: no dampening, biases and gains decayed like weights.
pub fn build(optimizer: &theory::Optimizer, kernels: &Kernels) -> ModuleOptimizer {
    let settings = optimizer.settings();
    let decay = match settings.decay {
        Decay::Decoupled(decay) => decay.get() as f32,
        Decay::None | Decay::Coupled(_) => 0.0,
    };
    match optimizer.kind() {
        Kind::Sgd | Kind::Momentum | Kind::Nesterov => sgd(optimizer, kernels),
        Kind::Adam | Kind::AdamW => AdamWConfig::new()
            .with_beta_1(settings.momentum.get() as f32)
            .with_beta_2(settings.second.get() as f32)
            .with_epsilon(EPSILON)
            .with_weight_decay(decay)
            .init(),
        Kind::Lion => LionConfig::new()
            .with_beta_1(settings.momentum.get() as f32)
            .with_beta_2(settings.second.get() as f32)
            .with_weight_decay(decay)
            .init(),
        other => unreachable!("a run under {other:?} is refused when its spec is checked"),
    }
}

/// Whether a network can be trained under this optimiser. Burn's Muon takes matrices alone.
pub fn can_train(optimizer: &theory::Optimizer) -> bool {
    matches!(
        optimizer.kind(),
        Kind::Sgd | Kind::Momentum | Kind::Nesterov | Kind::Adam | Kind::AdamW | Kind::Lion
    )
}

fn sgd(optimizer: &theory::Optimizer, kernels: &Kernels) -> ModuleOptimizer {
    let settings = optimizer.settings();
    let momentum = MomentumConfig::new()
        .with_momentum(settings.momentum.get())
        .with_dampening(0.0)
        .with_nesterov(optimizer.kind() == Kind::Nesterov);
    let (coupled, decoupled) = match settings.decay {
        Decay::None => (0.0, 0.0),
        Decay::Coupled(decay) => (decay.get(), 0.0),
        Decay::Decoupled(decay) => (0.0, decay.get()),
    };
    ModuleOptimizer::from(Descent {
        kernels: kernels.clone(),
        momentum: (settings.momentum.get() > 0.0).then(|| Momentum::new(&momentum)),
        coupled,
        decoupled,
    })
}

/// SGD in one pass over the weights, on all threads. Weights shrink with the gradient or apart from it,
/// `w′ = (1 − λγ)w − λm′` (T17), which Burn does not have.
#[derive(Clone)]
struct Descent {
    kernels: Kernels,
    momentum: Option<Momentum>,
    coupled: f64,
    decoupled: f64,
}

impl Optimizer for Descent {
    type State<const D: usize> = SgdState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let keep = 1.0 - lr * self.decoupled;
        let Some(momentum) = &self.momentum else {
            let keep = keep - lr * self.coupled;
            let state = SgdState::new(None);
            return (self.kernels.sgd_update(tensor, grad, keep, lr), Some(state));
        };
        let grad = match self.coupled > 0.0 {
            true => tensor.clone().mul_scalar(self.coupled) + grad,
            false => grad,
        };
        let (direction, velocity) = momentum.transform(grad, state.and_then(|s| s.momentum));
        let stepped = self.kernels.sgd_update(tensor, direction, keep, lr);
        (stepped, Some(SgdState::new(Some(velocity))))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        Sgd::to_device(state, device)
    }
}
