//! A network built from its layers: it holds the weights and computes.

mod draw;
mod fusion;
mod sequence;
pub mod signal;
mod weights;

use burn::module::RunningState;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Int, Tensor, activation};
use evenkeel_ops::{AttentionConfig, AttentionMask, Kernels, Norm, NormCache, Normalized};

use crate::example::Input;
use crate::layer::Layer;
use fusion::{Epilogue, Fused, separate};
use signal::{Signal, channels_first, channels_last};
use weights::Weights;

/// Looks at a layer's name and output.
pub type Inspect<'a> = dyn FnMut(&str, &Signal) + 'a;

/// A list of layers with their weights.
#[derive(Debug, Clone, Default)]
pub struct Network {
    pub(super) nodes: Vec<Node>,
    /// Which of the nodes are computed together.
    fused: Vec<Fused>,
    pub(super) kernels: Kernels,
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
    /// The same network computed by other kernels.
    pub fn on(mut self, kernels: &Kernels) -> Self {
        self.kernels = kernels.clone();
        for node in &mut self.nodes {
            let branches = std::mem::take(&mut node.branches).into_iter();
            node.branches = branches.map(|branch| branch.on(kernels)).collect();
        }
        self
    }

    /// The norms that its kernels take with gradients, if they do.
    pub fn norms(&self) -> Option<NormCache> {
        self.kernels.norms().cloned()
    }

    /// Class scores `[batch, classes]`; of tokens `[batch · context, classes]`.
    pub fn forward(&self, input: Input) -> Tensor<2> {
        self.walk("input", input.into(), Epilogue::default(), &mut None)
            .rows()
    }

    /// Mean cross-entropy of the class scores of `input`.
    pub fn loss(&self, input: Input, labels: Tensor<1, Int>) -> Tensor<1> {
        self.cross_entropy(self.forward(input), labels)
    }

    /// Mean cross-entropy of class scores.
    pub fn cross_entropy(&self, scores: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        self.kernels.cross_entropy(scores, labels)
    }

    /// Calls `inspect` with the name and the output of each layer in order. A layer without a name
    /// counts as part of the one before it, or as that which it is within.
    pub fn trace(&self, input: Input, inspect: &mut Inspect) {
        self.walk(
            "input",
            input.into(),
            Epilogue::default(),
            &mut Some(inspect),
        );
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

    /// The output of the layers, with an epilogue. Layers are computed one by one if somebody inspects
    /// their outputs.
    fn walk<'a>(
        &'a self,
        within: &str,
        input: Signal,
        epilogue: Epilogue<'a>,
        inspect: &mut Option<&mut Inspect>,
    ) -> Signal {
        let one_by_one = inspect.as_ref().map(|_| separate(self.nodes.len()));
        let groups = one_by_one.as_deref().unwrap_or(&self.fused);
        let mut name = within;
        let (mut signal, mut after_all) = (input, Some(epilogue));
        for (index, group) in groups.iter().enumerate() {
            let node = &self.nodes[group.layer];
            name = node.layer.name().unwrap_or(name);
            let is_last = inspect.is_none() && index + 1 == groups.len();
            let own = Epilogue::of(self, *group, is_last, &mut after_all);
            signal = self.pass(node, name, signal, own, inspect);
            if let Some(inspect) = inspect {
                inspect(name, &signal);
            }
        }
        after_all.unwrap_or_default().apply(signal)
    }

    /// The output of one layer, with an epilogue.
    fn pass<'a>(
        &'a self,
        node: &'a Node,
        name: &str,
        input: Signal,
        epilogue: Epilogue<'a>,
        inspect: &mut Option<&mut Inspect>,
    ) -> Signal {
        let mut part = |part: &'a Network, input: Signal, epilogue: Epilogue<'a>| {
            part.walk(name, input, epilogue, inspect)
        };
        let output = match (&node.layer, &node.weights, node.branches.as_slice()) {
            (_, Weights::BatchNorm(norm), _) => {
                let Epilogue { residual, relu, .. } = epilogue;
                return match input {
                    Signal::Maps(maps) => self
                        .batch_norm(norm, maps, residual.map(Signal::maps), relu)
                        .into(),
                    other => {
                        let residual = residual.map(Signal::rows);
                        self.batch_norm(norm, other.rows(), residual, relu).into()
                    }
                };
            }
            (_, Weights::None, [body, shortcut]) if epilogue.residual.is_none() => {
                let residual = Some(part(shortcut, input.clone(), Epilogue::default()));
                return part(
                    body,
                    input,
                    Epilogue {
                        residual,
                        ..epilogue
                    },
                );
            }
            (_, Weights::None, [body, shortcut]) => {
                let body = part(body, input.clone(), Epilogue::default());
                body.plus(part(shortcut, input, Epilogue::default()))
            }
            (_, Weights::Linear(linear), _) => {
                let bias = linear.bias.as_ref().map(|bias| bias.val());
                let (x, w) = (input.rows(), linear.weight.val());
                if let Some(norm) = epilogue.norm {
                    let residual = epilogue.residual.map(Signal::rows);
                    return self
                        .linear_batch_norm(x, w, norm, residual, epilogue.relu)
                        .into();
                }
                self.kernels.linear(x, w, bias).into()
            }
            (layer, Weights::Conv(conv), _) => {
                layer.convolve(&self.kernels, conv, input.maps()).into()
            }
            (_, Weights::ExampleNorm(norm), _) => match input {
                Signal::Maps(maps) => channels_last(norm.forward(channels_first(maps))).into(),
                other => norm.rows(&self.kernels, other.rows()).into(),
            },
            (layer, Weights::Table(table), within) => {
                let table = table.weight.val();
                let rows = layer.look_up(table.clone(), input);
                match within {
                    [] => rows,
                    [body, ..] => {
                        let features = part(body, rows, Epilogue::default()).rows();
                        self.kernels
                            .linear(features, table.transpose(), None)
                            .into()
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
                let mut rows =
                    |network: &'a Network| part(network, input.clone(), Epilogue::default()).rows();
                let parts = [rows(query), rows(key), rows(value)];
                let mask = match causal {
                    true => AttentionMask::Causal,
                    false => AttentionMask::Full,
                };
                let config = AttentionConfig {
                    context: *context,
                    heads: *heads,
                    mask,
                };
                self.kernels.attention(parts, config).into()
            }
            (&Layer::Subsample { stride, zeros }, _, _) => {
                self.kernels.subsample(input.maps(), stride, zeros).into()
            }
            (Layer::Gelu, ..) => of_any_rank!(input, x => self.kernels.gelu(x)),
            (layer, Weights::None, _) => layer.apply(input),
        };
        epilogue.apply(output)
    }

    /// A linear layer without bias and its batch normalization.
    fn linear_batch_norm(
        &self,
        x: Tensor<2>,
        w: Tensor<2>,
        norm: &BatchNorm,
        residual: Option<Tensor<2>>,
        relu: bool,
    ) -> Tensor<2> {
        if !by_batch(norm, &w) {
            return self.batch_norm(norm, self.kernels.linear(x, w, None), residual, relu);
        }
        let own = normalization(norm, residual, relu);
        followed(norm, self.kernels.linear_batch_norm(x, w, own))
    }

    /// Normalizes by the statistics of the batch in training, which the running statistics then follow, and by
    /// the running statistics otherwise.
    fn batch_norm<const D: usize>(
        &self,
        norm: &BatchNorm,
        x: Tensor<D>,
        residual: Option<Tensor<D>>,
        relu: bool,
    ) -> Tensor<D> {
        if !by_batch(norm, &x) {
            let y = by_running_statistics(norm, x);
            let y = match residual {
                Some(residual) => y + residual,
                None => y,
            };
            return if relu { activation::relu(y) } else { y };
        }
        followed(
            norm,
            self.kernels
                .batch_norm(x, normalization(norm, residual, relu)),
        )
    }
}

/// Whether the statistics of the batch count.
fn by_batch<const D: usize>(norm: &BatchNorm, x: &Tensor<D>) -> bool {
    x.device().is_autodiff() && norm.training.is_enabled()
}

/// What is asked of the kernels.
fn normalization<const D: usize>(
    norm: &BatchNorm,
    residual: Option<Tensor<D>>,
    relu: bool,
) -> Norm<D> {
    Norm {
        gamma: norm.gamma.val(),
        beta: norm.beta.val(),
        epsilon: norm.epsilon,
        residual,
        relu,
    }
}

/// What was normalized, after the running statistics have followed those of the batch.
fn followed<const D: usize>(norm: &BatchNorm, normalized: Normalized<D>) -> Tensor<D> {
    let follow = |state: &RunningState<Tensor<1>>, seen: Tensor<1>| {
        let before = state.value_sync().without_autodiff();
        let momentum = norm.momentum;
        let seen = seen.without_autodiff().mul_scalar(momentum);
        state.update(Tensor::from_inner(before.mul_scalar(1.0 - momentum) + seen));
    };
    follow(&norm.running_mean, normalized.mean);
    follow(&norm.running_var, normalized.variance);
    normalized.y
}

/// `γ (x − μ)/√(v + ε) + β` with features on the last axis.
fn by_running_statistics<const D: usize>(norm: &BatchNorm, x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    let [mean, variance] =
        [&norm.running_mean, &norm.running_var].map(|state| state.value().to_device(&device));
    let factor = norm.gamma.val() / (variance + norm.epsilon).sqrt();
    (x - mean.unsqueeze()) * factor.unsqueeze() + norm.beta.val().unsqueeze()
}

impl Layer {
    /// What a convolution does.
    fn convolve(&self, kernels: &Kernels, conv: &Conv2d, maps: Tensor<4>) -> Tensor<4> {
        let Self::Conv {
            stride, padding, ..
        } = *self
        else {
            return maps;
        };
        let y = kernels.conv(maps, conv.weight.val(), [stride; 2], [padding; 2], 1);
        match &conv.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        }
    }

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
                channels_last(rows.reshape([batch, channels, height, width])).into()
            }
            Self::Sequence => sequence::from_maps(input.maps()).into(),
            Self::FirstToken { context } => sequence::first(input.rows(), context).into(),
            _ => input,
        }
    }
}

fn average_pool(maps: Tensor<4>) -> Tensor<2> {
    maps.flatten::<3>(1, 2).mean_dim(1).squeeze_dim(1)
}

fn max_pool(maps: Tensor<4>, kernel: usize, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([kernel; 2])
        .with_stride([stride; 2])
        .with_padding([padding; 2]);
    channels_last(max_pool2d(channels_first(maps), options))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_shortcut_of_option_a_keeps_every_other_pixel_and_adds_zeros() {
        let maps = Tensor::<1, burn::tensor::Int>::arange(0..18, &Device::flex());
        let maps = channels_last(maps.float().reshape([1, 2, 3, 3]));
        let kept = channels_first(Kernels::default().subsample(maps, 2, 1));
        let kept: Vec<f64> = kept.into_data().iter::<f64>().collect();
        let expected = [0, 2, 6, 8, 9, 11, 15, 17, 0, 0, 0, 0];
        assert_eq!(kept, expected.map(f64::from));
    }

    #[test]
    fn windows_at_the_border_do_not_see_zeros() {
        let maps = Tensor::<4>::full([1, 4, 4, 1], -1.0, &Device::flex());
        let largest = max_pool(maps, 3, 2, 1);
        assert_eq!(largest.dims(), [1, 2, 2, 1]);
        assert_eq!(largest.max().into_scalar::<f64>(), -1.0);
    }
}
