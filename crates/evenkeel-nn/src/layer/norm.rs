//! Normalizations.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use evenkeel_ops::Kernels;

use crate::choice::Choice;
use crate::layer::Layer;

/// Which normalization follows a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// [`Layer::BatchNorm`].
    Batch,
    /// [`Layer::LayerNorm`].
    Layer,
    /// [`Layer::GroupNorm`].
    Group,
    /// [`Layer::RmsNorm`].
    Rms,
    /// No layer at all.
    None,
}

/// Every normalization.
pub const ALL: &[Choice<Norm>] = &[
    Choice {
        name: "bn",
        summary: "batch normalization: each feature over the batch",
        value: Norm::Batch,
    },
    Choice {
        name: "ln",
        summary: "layer normalization: all features of an example or token",
        value: Norm::Layer,
    },
    Choice {
        name: "gn",
        summary: "group normalization: groups of 16 features or more",
        value: Norm::Group,
    },
    Choice {
        name: "rms",
        summary: "layer normalization without subtracting the mean and without shift",
        value: Norm::Rms,
    },
    Choice {
        name: "none",
        summary: "nothing: no weight is scale-invariant then",
        value: Norm::None,
    },
];

/// ε under the root of every normalization.
pub const EPSILON: f64 = 1e-5;

/// Features that a group has at least, one of the sizes in Wu & He 2018.
const GROUP: usize = 16;

impl Norm {
    /// The layer that normalizes `features`.
    pub fn layer(self, name: String, features: usize) -> Option<Layer> {
        let eps = EPSILON;
        Some(match self {
            Self::Batch => Layer::BatchNorm {
                name,
                features,
                eps,
            },
            Self::Layer => Layer::LayerNorm {
                name,
                features,
                eps,
            },
            Self::Group => Layer::GroupNorm {
                name,
                groups: groups(features),
                features,
                eps,
            },
            Self::Rms => Layer::RmsNorm {
                name,
                features,
                eps,
            },
            Self::None => return None,
        })
    }
}

/// The most groups of equal size that have at least [`GROUP`] features; one if there are fewer.
fn groups(features: usize) -> usize {
    (1..=features / GROUP)
        .rev()
        .find(|groups| features.is_multiple_of(*groups))
        .unwrap_or(1)
}

/// A normalization within each example. Burn's own work on the last axis only, or compute in 32
/// bits what was asked for in 64.
#[derive(Module, Debug)]
pub struct ExampleNorm {
    gamma: Param<Tensor<1>>,
    beta: Option<Param<Tensor<1>>>,
    groups: usize,
    centred: bool,
    epsilon: f64,
}

impl ExampleNorm {
    /// With gain one and shift zero; the mean is subtracted where there is a shift.
    pub fn new(
        features: usize,
        groups: usize,
        centred: bool,
        epsilon: f64,
        device: &Device,
    ) -> Self {
        Self {
            gamma: Param::from_tensor(Tensor::ones([features], device)),
            beta: centred.then(|| Param::from_tensor(Tensor::zeros([features], device))),
            groups,
            centred,
            epsilon,
        }
    }

    /// Of rows of features.
    pub fn rows(&self, kernels: &Kernels, x: Tensor<2>) -> Tensor<2> {
        if self.groups > 1 {
            return self.forward(x);
        }
        let beta = self.beta.as_ref().map(Param::val);
        kernels.layer_norm(x, self.gamma.val(), beta, self.epsilon)
    }

    /// Of `[batch, features, ...]`: everything but the first axis, in groups of features.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let shape = x.dims();
        let size = shape[1..].iter().product::<usize>() / self.groups;
        let mut x = x.reshape([shape[0], self.groups, size]);
        if self.centred {
            x = x.clone() - x.mean_dim(2);
        }
        let rms = (x.clone().square().mean_dim(2) + self.epsilon).sqrt();
        let mut per_feature = [1; D];
        per_feature[1] = shape[1];
        let y = (x / rms).reshape(shape) * self.gamma.val().reshape(per_feature);
        match &self.beta {
            Some(beta) => y + beta.val().reshape(per_feature),
            None => y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

    #[test]
    fn every_group_of_an_example_has_the_moments_it_should() {
        let device = Device::flex();
        let shape = Distribution::Normal(3.0, 2.0);
        let maps = Tensor::<4>::random([2, 4, 3, 5], shape, &device);
        for (groups, centred) in [(1, true), (2, true), (4, true), (1, false), (2, false)] {
            let norm = ExampleNorm::new(4, groups, centred, EPSILON, &device);
            let y = norm.forward(maps.clone()).into_data();
            let y: Vec<f64> = y.iter::<f64>().collect();
            for group in y.chunks(4 * 3 * 5 / groups) {
                let mean =
                    |f: fn(&f64) -> f64| group.iter().map(f).sum::<f64>() / group.len() as f64;
                assert!((mean(|x| x * x) - 1.0).abs() < 1e-4);
                assert_eq!(mean(|x| *x).abs() < 1e-5, centred);
            }
        }
    }

    #[test]
    fn groups_divide_the_features_and_are_not_small() {
        for (features, expected) in [
            (1, 1),
            (15, 1),
            (16, 1),
            (32, 2),
            (33, 1),
            (128, 8),
            (48, 3),
        ] {
            assert_eq!(groups(features), expected, "{features}");
        }
    }
}
