//! The plain deep network of the theory: depth × [linear without bias → BN → ReLU], then a linear
//! classifier.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData, activation::relu};
use rand_distr::{Distribution, StandardNormal};

use super::{Inspect, LayerDescription, Network, Shape};
use crate::example::Input;
use crate::seed::Rng;

const EPSILON: f64 = 1e-5;

/// A BN-MLP.
#[derive(Module, Debug)]
pub struct Mlp {
    blocks: Vec<Block>,
    head: Linear,
}

/// Linear → BN → ReLU.
#[derive(Module, Debug)]
struct Block {
    linear: Linear,
    norm: BatchNorm,
}

impl Block {
    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        relu(self.norm.forward(self.linear.forward(input)))
    }
}

impl Network for Mlp {
    fn build(shape: &Shape, rng: &mut Rng, device: &Device) -> Self {
        let width = shape.width;
        let mut inputs = shape.example.size();
        let mut blocks = Vec::with_capacity(shape.depth);
        for _ in 0..shape.depth {
            blocks.push(Block {
                linear: linear(inputs, width, false, rng, device),
                norm: BatchNormConfig::new(width)
                    .with_epsilon(EPSILON)
                    .init(device),
            });
            inputs = width;
        }
        Self {
            blocks,
            head: linear(inputs, shape.classes, true, rng, device),
        }
    }

    fn forward(&self, input: Input) -> Tensor<2> {
        let features = self
            .blocks
            .iter()
            .fold(input.numbers(), |x, block| block.forward(x));
        self.head.forward(features)
    }

    fn trace(&self, input: Input, inspect: &mut Inspect) {
        let mut x = input.numbers();
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            if !inspect(&format!("blocks.{i}"), x.clone().flatten(0, 1)) {
                return;
            }
        }
        inspect("head", self.head.forward(x).flatten(0, 1));
    }

    fn layers(&self) -> Vec<LayerDescription> {
        let blocks = self.blocks.iter().enumerate().flat_map(|(i, block)| {
            [
                describe(&block.linear, format!("blocks.{i}.linear")),
                LayerDescription::BatchNorm {
                    name: format!("blocks.{i}.norm"),
                    features: block.norm.gamma.dims()[0],
                    eps: block.norm.epsilon,
                },
                LayerDescription::Relu,
            ]
        });
        blocks
            .chain([describe(&self.head, "head".to_owned())])
            .collect()
    }

    fn batch_norms(&mut self) -> Vec<&mut BatchNorm> {
        self.blocks
            .iter_mut()
            .map(|block| &mut block.norm)
            .collect()
    }
}

/// A linear layer with He-normal weights of variance 2/inputs (He et al. 2015) and a zero bias.
fn linear(inputs: usize, outputs: usize, bias: bool, rng: &mut Rng, device: &Device) -> Linear {
    let scale = (2.0 / inputs as f32).sqrt();
    let weight: Vec<f32> = StandardNormal
        .sample_iter(rng)
        .take(inputs * outputs)
        .map(|normal: f32| scale * normal)
        .collect();
    let zeros = || TensorData::new(vec![0f32; outputs], [outputs]);
    Linear {
        weight: Param::from_data(TensorData::new(weight, [inputs, outputs]), device),
        bias: bias.then(|| Param::from_data(zeros(), device)),
    }
}

fn describe(linear: &Linear, name: String) -> LayerDescription {
    let [inputs, outputs] = linear.weight.dims();
    LayerDescription::Linear {
        name,
        inputs,
        outputs,
        bias: linear.bias.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::seed::{Purpose, rng};

    #[test]
    fn the_parameter_count_is_the_closed_form() {
        let shape = Shape {
            depth: 5,
            width: 32,
            example: Example::Image {
                channels: 1,
                height: 8,
                width: 8,
            },
            classes: 10,
        };
        let device = Device::flex().autodiff();
        let net = Mlp::build(&shape, &mut rng(1, Purpose::Weights), &device);
        // Burn counts running statistics too: two for each gain and shift.
        let expected = 64 * 32 + 4 * 32 * 32 + 5 * 4 * 32 + 32 * 10 + 10;
        assert_eq!(net.num_params(), expected);
        assert_eq!(net.layers().len(), 3 * 5 + 1);
    }
}
