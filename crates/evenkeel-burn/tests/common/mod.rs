//! A small BN network with a fixed batch, for all tests.

#![allow(dead_code, reason = "each test file uses its part")]

use burn::module::{Module, ParamId};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Distribution, Int, Tensor, activation::relu};

#[derive(Module, Debug)]
pub struct Block {
    pub linear: Linear,
    pub norm: BatchNorm,
}

#[derive(Module, Debug)]
pub struct Net {
    pub blocks: Vec<Block>,
    pub head: Linear,
}

pub struct Batch {
    pub inputs: Tensor<2>,
    pub labels: Tensor<1, Int>,
}

impl Net {
    pub fn new(depth: usize, width: usize, device: &Device) -> Self {
        let block = |_| Block {
            linear: LinearConfig::new(width, width)
                .with_bias(false)
                .init(device),
            norm: BatchNormConfig::new(width).init(device),
        };
        Self {
            blocks: (0..depth).map(block).collect(),
            head: LinearConfig::new(width, 4).init(device),
        }
    }

    pub fn logits(&self, batch: &Batch) -> Tensor<2> {
        let features = self.blocks.iter().fold(batch.inputs.clone(), |x, block| {
            relu(block.norm.forward(block.linear.forward(x)))
        });
        self.head.forward(features)
    }

    pub fn loss(&self, batch: &Batch) -> Tensor<1> {
        CrossEntropyLossConfig::new()
            .init(&batch.inputs.device())
            .forward(self.logits(batch), batch.labels.clone())
    }

    pub fn gradients(&self, batch: &Batch) -> GradientsParams {
        GradientsParams::from_grads(self.loss(batch).backward(), self)
    }

    pub fn weights(&self) -> Vec<ParamId> {
        self.blocks
            .iter()
            .map(|block| block.linear.weight.id)
            .collect()
    }
}

/// A seeded network and batch. Seeding is global in Burn, so tests that compare numbers within one
/// network do not depend on which thread seeds last.
pub fn setup(depth: usize, width: usize) -> (Net, Batch) {
    let device = Device::flex().autodiff();
    device.seed(11);
    let batch = Batch {
        inputs: Tensor::random([48, width], Distribution::Normal(0.0, 1.0), &device),
        labels: Tensor::from_ints(std::array::from_fn::<i32, 48, _>(|i| i as i32 % 4), &device),
    };
    (Net::new(depth, width, &device), batch)
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Largest difference relative to the largest value.
pub fn distance(one: &[f64], other: &[f64]) -> f64 {
    let largest = one.iter().fold(0f64, |m, v| m.max(v.abs()));
    let difference = one
        .iter()
        .zip(other)
        .fold(0f64, |m, (a, b)| m.max((a - b).abs()));
    difference / largest
}

/// SGD as most use it.
pub fn momentum() -> ModuleOptimizer {
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    SgdConfig::new().with_momentum(Some(momentum)).init()
}
