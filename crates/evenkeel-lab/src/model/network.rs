//! A network built from its layers: it holds the weights and computes.

use burn::nn::BatchNorm;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::{MaxPoolOptions, PadMode};
use burn::tensor::{Device, Tensor, activation, s};

use super::draw::Draw;
use super::init::Init;
use super::layer::Layer;
use super::sequence;
use super::signal::Signal;
use super::weights::Weights;
use crate::example::Input;
use crate::seed::Rng;

/// Looks at a layer's name and output.
pub type Inspect<'a> = dyn FnMut(&str, &Signal) + 'a;

/// A list of layers with their weights.
#[derive(Debug, Clone)]
pub struct Network {
    pub(super) nodes: Vec<Node>,
}

/// A layer with its weights.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) layer: Layer,
    pub(super) weights: Weights,
    pub(super) branches: Vec<Network>,
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

impl Network {
    /// Builds the layers, with weights drawn from `rng` in their order.
    pub fn build(layers: &[Layer], init: Init, rng: &mut Rng, device: &Device) -> Self {
        Draw { init, rng, device }.network(layers)
    }

    /// Class scores `[batch, classes]`; of tokens `[batch · context, classes]`.
    pub fn forward(&self, input: Input) -> Tensor<2> {
        self.walk("input", input.into(), &mut |_, _| {}).rows()
    }

    /// Calls `inspect` with the name and the output of each layer in order. A layer without a name
    /// counts as part of the one before it, or as that which it is within.
    pub fn trace(&self, input: Input, inspect: &mut Inspect) {
        self.walk("input", input.into(), inspect);
    }

    /// The layers, precise enough to rebuild the network elsewhere.
    pub fn layers(&self) -> Vec<Layer> {
        self.nodes.iter().map(|node| node.layer.clone()).collect()
    }

    /// Every batch normalization, whose statistics are re-estimated before an evaluation.
    pub fn batch_norms(&mut self) -> Vec<&mut BatchNorm> {
        let norms = self.nodes.iter_mut().flat_map(|node| {
            let own = match &mut node.weights {
                Weights::BatchNorm(norm) => Some(norm),
                _ => None,
            };
            let within = node.branches.iter_mut().flat_map(Self::batch_norms);
            own.into_iter().chain(within)
        });
        norms.collect()
    }

    fn walk(&self, within: &str, input: Signal, inspect: &mut Inspect) -> Signal {
        let mut name = within;
        self.nodes.iter().fold(input, |signal, node| {
            name = node.layer.name().unwrap_or(name);
            let output = node.forward(name, signal, inspect);
            inspect(name, &output);
            output
        })
    }
}

impl Node {
    fn forward(&self, name: &str, input: Signal, inspect: &mut Inspect) -> Signal {
        match (&self.layer, &self.weights, self.branches.as_slice()) {
            (_, Weights::Linear(linear), _) => linear.forward(input.rows()).into(),
            (_, Weights::Conv(conv), _) => conv.forward(input.maps()).into(),
            (_, Weights::BatchNorm(norm), _) => of_any_rank!(input, x => norm.forward(x)),
            (_, Weights::ExampleNorm(norm), _) => of_any_rank!(input, x => norm.forward(x)),
            (layer, Weights::Table(table), within) => {
                let table = table.weight.val();
                let rows = layer.look_up(table.clone(), input);
                match within {
                    [] => rows,
                    [body, ..] => {
                        let features = body.walk(name, rows, inspect).rows();
                        features.matmul(table.transpose()).into()
                    }
                }
            }
            (
                Layer::Attention {
                    heads,
                    context,
                    causal,
                    ..
                },
                _,
                [query, key, value],
            ) => {
                let mut part = |part: &Network| part.walk(name, input.clone(), inspect).rows();
                let parts = [part(query), part(key), part(value)];
                sequence::attend(parts, *heads, *context, *causal).into()
            }
            (_, Weights::None, [body, shortcut]) => {
                let body = body.walk(name, input.clone(), inspect);
                body.plus(shortcut.walk(name, input, inspect))
            }
            (layer, Weights::None, _) => layer.apply(input),
        }
    }
}

impl Layer {
    /// What a layer does with its table.
    fn look_up(&self, table: Tensor<2>, input: Signal) -> Signal {
        let rows = match *self {
            Self::Positions { .. } => sequence::positions(table, &input),
            Self::ClassToken { context, .. } => sequence::prepend(table, input.rows(), context),
            _ => sequence::look_up(table, input.tokens()),
        };
        rows.into()
    }

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
            } => max_pool(input.maps(), kernel, stride, padding).into(),
            Self::AveragePool => average_pool(input.maps()).into(),
            Self::Image {
                channels,
                height,
                width,
            } => {
                let rows = input.rows();
                let batch = rows.dims()[0];
                rows.reshape([batch, channels, height, width]).into()
            }
            Self::Sequence => sequence::from_maps(input.maps()).into(),
            Self::FirstToken { context } => sequence::first(input.rows(), context).into(),
            Self::Subsample { stride, zeros } => subsample(input.maps(), stride, zeros).into(),
            _ => input,
        }
    }
}

fn average_pool(maps: Tensor<4>) -> Tensor<2> {
    maps.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortcut_of_option_a_keeps_every_other_pixel_and_adds_zeros() {
        let maps = Tensor::<1, burn::tensor::Int>::arange(0..18, &Device::flex());
        let maps = maps.float().reshape([1, 2, 3, 3]);
        let kept: Vec<f64> = subsample(maps, 2, 1).into_data().iter::<f64>().collect();
        let expected = [0, 2, 6, 8, 9, 11, 15, 17, 0, 0, 0, 0];
        assert_eq!(kept, expected.map(f64::from));
    }

    #[test]
    fn windows_at_the_border_do_not_see_zeros() {
        let maps = Tensor::<4>::full([1, 1, 4, 4], -1.0, &Device::flex());
        let largest = max_pool(maps, 3, 2, 1);
        assert_eq!(largest.dims(), [1, 1, 2, 2]);
        assert_eq!(largest.max().into_scalar::<f64>(), -1.0);
    }
}
