//! A network built from its layers: it holds the weights and computes.

use burn::module::Param;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData, activation};

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
        let mut draw = Draw { init, rng, device };
        let nodes = layers.iter().map(|layer| Node {
            layer: layer.clone(),
            weights: draw.weights(layer),
        });
        Self {
            nodes: nodes.collect(),
        }
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
        let norms = self
            .nodes
            .iter_mut()
            .filter_map(|node| match &mut node.weights {
                Weights::BatchNorm(norm) => Some(norm),
                _ => None,
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
            let output = node.forward(signal);
            name = node.layer.name().unwrap_or(name);
            inspect(name, &output);
            output
        })
    }
}

impl Node {
    fn forward(&self, input: Signal) -> Signal {
        match &self.weights {
            Weights::Linear(linear) => Signal::Rows(linear.forward(input.rows())),
            Weights::BatchNorm(norm) => of_any_rank!(input, x => norm.forward(x)),
            Weights::ExampleNorm(norm) => of_any_rank!(input, x => norm.forward(x)),
            Weights::None => self.layer.apply(input),
        }
    }
}

impl Layer {
    /// What a layer without parameters does.
    fn apply(&self, input: Signal) -> Signal {
        match self {
            Self::Relu => of_any_rank!(input, x => activation::relu(x)),
            Self::Gelu => of_any_rank!(input, x => activation::gelu(x)),
            Self::Tanh => of_any_rank!(input, x => activation::tanh(x)),
            _ => input,
        }
    }
}

/// Draws weights in the order of the layers.
struct Draw<'a> {
    init: Init,
    rng: &'a mut Rng,
    device: &'a Device,
}

impl Draw<'_> {
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
            Layer::Relu | Layer::Gelu | Layer::Tanh => Weights::None,
        }
    }

    fn linear(&mut self, inputs: usize, outputs: usize, bias: bool) -> Linear {
        let weight = self
            .init
            .draw([inputs, outputs], Fan { inputs, outputs }, self.rng);
        let zeros = || TensorData::new(vec![0f32; outputs], [outputs]);
        Linear {
            weight: Param::from_data(TensorData::new(weight, [inputs, outputs]), self.device),
            bias: bias.then(|| Param::from_data(zeros(), self.device)),
        }
    }
}
