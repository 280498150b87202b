//! Builds a network from layers and draws its weights.

use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNormConfig, Embedding, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};
use evenkeel_ops::Kernels;

use super::fusion::fuse;
use super::weights::Weights;
use super::{Network, Node};
use crate::layer::Layer;
use crate::layer::init::{Fan, Init, normal};
use crate::layer::norm::ExampleNorm;
use crate::seed::Rng;

impl Network {
    /// Builds the layers, with weights drawn from `rng` in their order.
    pub fn build(layers: &[Layer], init: Init, rng: &mut Rng, device: &Device) -> Self {
        Draw { init, rng, device }.network(layers)
    }
}

/// Draws weights in the order of the layers.
struct Draw<'a> {
    init: Init,
    rng: &'a mut Rng,
    device: &'a Device,
}

impl Draw<'_> {
    /// The network of the layers.
    fn network(&mut self, layers: &[Layer]) -> Network {
        let nodes = layers.iter().map(|layer| Node {
            layer: layer.clone(),
            weights: self.weights(layer),
            branches: layer
                .branches()
                .into_iter()
                .map(|branch| self.network(branch))
                .collect(),
        });
        Network {
            nodes: nodes.collect(),
            fused: fuse(layers),
            kernels: Kernels::default(),
        }
    }

    fn weights(&mut self, layer: &Layer) -> Weights {
        match *layer {
            Layer::Linear {
                inputs,
                outputs,
                bias,
                ..
            } => Weights::Linear(self.linear(inputs, outputs, bias)),
            Layer::Conv {
                inputs,
                outputs,
                kernel,
                stride,
                padding,
                bias,
                ..
            } => {
                let shape = [outputs, inputs, kernel, kernel];
                Weights::Conv(self.conv(shape, stride, padding, bias))
            }
            Layer::BatchNorm { features, eps, .. } => {
                let config = BatchNormConfig::new(features).with_epsilon(eps);
                Weights::BatchNorm(config.init(self.device))
            }
            Layer::LayerNorm { features, eps, .. } => self.norm(features, 1, true, eps),
            Layer::GroupNorm {
                features,
                groups,
                eps,
                ..
            } => self.norm(features, groups, true, eps),
            Layer::RmsNorm { features, eps, .. } => self.norm(features, 1, false, eps),
            _ => layer
                .table()
                .map_or(Weights::None, |table| self.table(table)),
        }
    }

    fn norm(&self, features: usize, groups: usize, centred: bool, eps: f64) -> Weights {
        let norm = ExampleNorm::new(features, groups, centred, eps, self.device);
        Weights::ExampleNorm(norm)
    }

    /// A table of normal numbers, with rows of about unit length whatever the initialisation.
    fn table(&mut self, [rows, width]: [usize; 2]) -> Weights {
        let deviation = (width as f32).sqrt().recip();
        let values = normal(rows * width, deviation, self.rng);
        Weights::Table(Embedding {
            weight: self.param(values, [rows, width]),
        })
    }

    fn linear(&mut self, inputs: usize, outputs: usize, bias: bool) -> Linear {
        let fan = Fan { inputs, outputs };
        let weight = self.init.draw([inputs, outputs], fan, self.rng);
        Linear {
            weight: self.param(weight, [inputs, outputs]),
            bias: bias.then(|| self.param(vec![0.0; outputs], [outputs])),
        }
    }

    fn conv(&mut self, shape: [usize; 4], stride: usize, padding: usize, bias: bool) -> Conv2d {
        let [outputs, inputs, kernel, _] = shape;
        let fan = Fan {
            inputs: inputs * kernel * kernel,
            outputs: outputs * kernel * kernel,
        };
        let weight = self.init.draw([outputs, fan.inputs], fan, self.rng);
        Conv2d {
            weight: self.param(weight, shape),
            bias: bias.then(|| self.param(vec![0.0; outputs], [outputs])),
            stride: [stride; 2],
            kernel_size: [kernel; 2],
            dilation: [1; 2],
            groups: 1,
            padding: PaddingConfig2d::Explicit(padding, padding, padding, padding),
        }
    }

    fn param<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), self.device)
    }
}
