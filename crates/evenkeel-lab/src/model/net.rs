//! A network built from its layers: it holds the weights and computes.

use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, PaddingConfig2d};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::{MaxPoolOptions, PadMode};
use burn::tensor::{Device, Tensor, TensorData, activation, s};

use super::init::{Fan, Init};
use super::layer::Layer;
use super::norm::ExampleNorm;
use super::signal::Signal;
use super::weights::Weights;
use super::{Inspect, Network};
use crate::example::Input;
use crate::seed::Rng;

/// A list of layers with their weights.
#[derive(Debug, Clone)]
pub struct Net {
    pub(super) nodes: Vec<Node>,
}

/// A layer with its weights.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) layer: Layer,
    pub(super) weights: Weights,
    pub(super) branches: Vec<Net>,
}

/// The same expression for rows and for maps.
macro_rules! of_any_rank {
    ($signal:expr, $x:ident => $result:expr) => {
        match $signal {
            Signal::Maps($x) => Signal::Maps($result),
            other => {
                let $x = other.rows();
                Signal::Rows($result)
            }
        }
    };
}

impl Network for Net {
    fn build(layers: &[Layer], init: Init, rng: &mut Rng, device: &Device) -> Self {
        Draw { init, rng, device }.net(layers)
    }

    fn forward(&self, input: Input) -> Tensor<2> {
        self.walk(input.into(), &mut |_, _| {}).rows()
    }

    fn trace(&self, input: Input, inspect: &mut Inspect) {
        self.walk(input.into(), inspect);
    }

    fn layers(&self) -> Vec<Layer> {
        self.nodes.iter().map(|node| node.layer.clone()).collect()
    }

    fn batch_norms(&mut self) -> Vec<&mut BatchNorm> {
        let norms = self.nodes.iter_mut().flat_map(|node| {
            let own = match &mut node.weights {
                Weights::BatchNorm(norm) => Some(norm),
                _ => None,
            };
            let within = node.branches.iter_mut().flat_map(Net::batch_norms);
            own.into_iter().chain(within)
        });
        norms.collect()
    }
}

impl Net {
    /// The output, with a look at what each layer gives. A layer without a name counts as part of
    /// the one before it.
    fn walk(&self, input: Signal, inspect: &mut Inspect) -> Signal {
        let mut name = "input";
        self.nodes.iter().fold(input, |signal, node| {
            let output = node.forward(signal, inspect);
            name = node.layer.name().unwrap_or(name);
            inspect(name, &output);
            output
        })
    }
}

impl Node {
    fn forward(&self, input: Signal, inspect: &mut Inspect) -> Signal {
        match (&self.weights, self.branches.as_slice()) {
            (Weights::Linear(linear), _) => Signal::Rows(linear.forward(input.rows())),
            (Weights::Conv(conv), _) => Signal::Maps(conv.forward(input.maps())),
            (Weights::BatchNorm(norm), _) => of_any_rank!(input, x => norm.forward(x)),
            (Weights::ExampleNorm(norm), _) => of_any_rank!(input, x => norm.forward(x)),
            (Weights::None, [body, shortcut]) => {
                let body = body.walk(input.clone(), inspect);
                body.plus(shortcut.walk(input, inspect))
            }
            (Weights::None, _) => self.layer.apply(input),
        }
    }
}

impl Layer {
    /// What a layer without parameters does.
    fn apply(&self, input: Signal) -> Signal {
        match *self {
            Self::Relu => of_any_rank!(input, x => activation::relu(x)),
            Self::Gelu => of_any_rank!(input, x => activation::gelu(x)),
            Self::Tanh => of_any_rank!(input, x => activation::tanh(x)),
            Self::MaxPool {
                kernel,
                stride,
                padding,
            } => Signal::Maps(max_pool(input.maps(), kernel, stride, padding)),
            Self::AveragePool => {
                Signal::Rows(input.maps().flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2))
            }
            Self::Image {
                channels,
                height,
                width,
            } => {
                let rows = input.rows();
                let batch = rows.dims()[0];
                Signal::Maps(rows.reshape([batch, channels, height, width]))
            }
            Self::Subsample { stride, zeros } => {
                Signal::Maps(subsample(input.maps(), stride, zeros))
            }
            _ => input,
        }
    }
}

fn max_pool(maps: Tensor<4>, kernel: usize, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([kernel; 2])
        .with_stride([stride; 2])
        .with_padding([padding; 2]);
    max_pool2d(maps, options)
}

fn subsample(maps: Tensor<4>, stride: usize, zeros: usize) -> Tensor<4> {
    let step = stride as isize;
    let kept = maps.slice(s![.., .., ..;step, ..;step]);
    kept.pad([(0, 0), (0, zeros), (0, 0), (0, 0)], PadMode::Constant(0.0))
}

/// Draws weights in the order of the layers.
struct Draw<'a> {
    init: Init,
    rng: &'a mut Rng,
    device: &'a Device,
}

impl Draw<'_> {
    fn net(&mut self, layers: &[Layer]) -> Net {
        let nodes = layers.iter().map(|layer| Node {
            layer: layer.clone(),
            weights: self.weights(layer),
            branches: layer
                .branches()
                .into_iter()
                .map(|branch| self.net(branch))
                .collect(),
        });
        Net {
            nodes: nodes.collect(),
        }
    }

    fn weights(&mut self, layer: &Layer) -> Weights {
        let norm = |features, groups, centred, eps| {
            Weights::ExampleNorm(ExampleNorm::new(
                features,
                groups,
                centred,
                eps,
                self.device,
            ))
        };
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
            Layer::LayerNorm { features, eps, .. } => norm(features, 1, true, eps),
            Layer::GroupNorm {
                features,
                groups,
                eps,
                ..
            } => norm(features, groups, true, eps),
            Layer::RmsNorm { features, eps, .. } => norm(features, 1, false, eps),
            _ => Weights::None,
        }
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
