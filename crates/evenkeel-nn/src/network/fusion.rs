//! Which consecutive layers are computed in one pass, decided when a network is built.

use burn::nn::BatchNorm;

use super::signal::Signal;
use super::{Network, Weights};
use crate::layer::Layer;

/// A layer together with the layers after it that are computed with it. Numbers are indices into the
/// list of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fused {
    /// The layer.
    pub(super) layer: usize,
    /// The batch normalization after a linear layer without bias.
    pub(super) norm: Option<usize>,
    /// Whether a ReLU follows.
    pub(super) relu: bool,
}

/// Groups layers as far as kernels compute them in one pass.
pub(super) fn fuse(layers: &[Layer]) -> Vec<Fused> {
    let mut groups = Vec::with_capacity(layers.len());
    let mut next = 0;
    while next < layers.len() {
        let layer = next;
        next += 1;
        let fits = |norm: &Layer| {
            matches!(layers[layer], Layer::Linear { bias: false, .. })
                && matches!(norm, Layer::BatchNorm { .. })
        };
        let norm = layers.get(next).is_some_and(fits).then_some(next);
        next += usize::from(norm.is_some());
        let relu = layers.get(next) == Some(&Layer::Relu);
        next += usize::from(relu);
        groups.push(Fused { layer, norm, relu });
    }
    groups
}

/// Every layer by itself, so that the output of each can be looked at.
pub(super) fn separate(count: usize) -> Vec<Fused> {
    let alone = |layer| Fused {
        layer,
        norm: None,
        relu: false,
    };
    (0..count).map(alone).collect()
}

/// Operations on the output of a layer, or of a list of layers, that may be computed with it: first a
/// normalization, then a sum, then a ReLU.
#[derive(Default)]
pub(super) struct Epilogue<'a> {
    pub(super) norm: Option<&'a BatchNorm>,
    /// Added to the output.
    pub(super) residual: Option<Signal>,
    pub(super) relu: bool,
}

impl<'a> Epilogue<'a> {
    /// The operations that a group puts after its layer. The last group also takes over those after the
    /// whole list, unless a ReLU of its own comes before them.
    pub(super) fn of(
        network: &'a Network,
        group: Fused,
        is_last: bool,
        after_all: &mut Option<Self>,
    ) -> Self {
        let mut own = match is_last && !group.relu {
            true => after_all.take().unwrap_or_default(),
            false => Self::default(),
        };
        own.relu |= group.relu;
        own.norm = group.norm.map(|norm| match &network.nodes[norm].weights {
            Weights::BatchNorm(norm) => norm,
            _ => unreachable!("`fuse` puts a batch normalization there"),
        });
        own
    }

    /// Applies the sum and the ReLU by themselves.
    pub(super) fn apply(self, output: Signal) -> Signal {
        let sum = match self.residual {
            Some(residual) => output.plus(residual),
            None => output,
        };
        if self.relu {
            Layer::Relu.apply(sum)
        } else {
            sum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(bias: bool) -> Layer {
        Layer::linear("linear".to_owned(), 2, 2, bias)
    }

    fn norm() -> Layer {
        Layer::BatchNorm {
            name: "norm".to_owned(),
            features: 2,
            eps: 1e-5,
        }
    }

    #[test]
    fn linear_layers_take_their_normalization_and_every_layer_its_relu() {
        let layers = [
            linear(false),
            norm(),
            Layer::Relu,
            linear(true),
            norm(),
            Layer::Relu,
            linear(false),
            norm(),
            Layer::Tanh,
        ];
        let fused = |layer, norm, relu| Fused { layer, norm, relu };
        assert_eq!(
            fuse(&layers),
            [
                fused(0, Some(1), true),
                fused(3, None, false),
                fused(4, None, true),
                fused(6, Some(7), false),
                fused(8, None, false),
            ]
        );
    }

    #[test]
    fn separate_layers_are_not_fused() {
        assert!(
            separate(3)
                .iter()
                .all(|group| group.norm.is_none() && !group.relu)
        );
    }
}
