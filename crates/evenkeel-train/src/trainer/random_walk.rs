//! Gradients by chance: the dynamics of norms without learning.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use evenkeel_burn::probe::Probe;
use evenkeel_nn::layer::init::normal;
use evenkeel_nn::seed::{Purpose, Rng, rng};

/// Draws gradients of norm `c_l/‖W_l‖` that are orthogonal to `W_l` (T1), with the `c_l` of the first step.
#[derive(Debug)]
pub(super) struct RandomWalk {
    /// `c_l = ‖W_l‖‖∇W_l‖` where the probe was found, in the order of its layers.
    base: Vec<f64>,
    seed: u64,
}

impl RandomWalk {
    pub(super) fn new(probe: &Probe, seed: u64) -> Self {
        let base = probe.layers().map(|layer| {
            let found = layer.found;
            found.map_or(0.0, |found| found.weight_norm * found.gradient_norm)
        });
        Self {
            base: base.collect(),
            seed,
        }
    }

    /// The gradients of a step; parameters that are not scale-invariant get none. They follow from the
    /// seed, the step and the weights, so that a run that is resumed walks on.
    ///
    /// The probe is that of the module as it is now: one that was loaded has other identities.
    pub(super) fn gradients<M: Module>(
        &self,
        module: &M,
        probe: &Probe,
        step: usize,
    ) -> GradientsParams {
        let layers = probe.layers().map(|layer| layer.id);
        let mut rng = rng(self.seed, Purpose::Walk);
        rng.set_word_pos(step as u128 * WORDS_A_STEP);
        let mut drawn = Drawn {
            base: layers.zip(self.base.iter().copied()).collect(),
            rng,
            gradients: GradientsParams::new(),
        };
        module.visit(&mut drawn);
        drawn.gradients
    }
}

/// More numbers than a step draws.
const WORDS_A_STEP: u128 = 1 << 34;

struct Drawn {
    base: HashMap<ParamId, f64>,
    rng: Rng,
    gradients: GradientsParams,
}

impl ModuleVisitor for Drawn {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(base) = self.base.get(&param.id) else {
            return;
        };
        let weight = Tensor::from_inner(param.val().without_autodiff());
        let (shape, device) = (weight.shape(), weight.device());
        let weight: Vec<f64> = weight.into_data().iter::<f64>().collect();
        let direction = normal(weight.len(), 1.0, &mut self.rng);
        let gradient = orthogonal(&weight, &direction, *base);
        let data = TensorData::new(gradient, shape);
        self.gradients
            .register(param.id, Tensor::<D>::from_data(data, &device));
    }
}

/// What of `direction` is orthogonal to `weight`, with norm `base/‖weight‖`.
fn orthogonal(weight: &[f64], direction: &[f32], base: f64) -> Vec<f32> {
    let square: f64 = weight.iter().map(|w| w * w).sum();
    let along: f64 = weight
        .iter()
        .zip(direction)
        .map(|(w, d)| w * f64::from(*d))
        .sum();
    let rest: Vec<f64> = weight
        .iter()
        .zip(direction)
        .map(|(w, d)| f64::from(*d) - along / square * w)
        .collect();
    let norm = rest.iter().map(|r| r * r).sum::<f64>().sqrt();
    let scale = base / (square.sqrt() * norm);
    rest.iter().map(|r| (scale * r) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_obeys_the_law() {
        let (weight, direction) = ([3.0, 4.0, 0.0], [1.0, 1.0, 1.0]);
        let gradient = orthogonal(&weight, &direction, 10.0);
        let product: f64 = weight
            .iter()
            .zip(&gradient)
            .map(|(w, g)| w * f64::from(*g))
            .sum();
        let norm: f64 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!(product.abs() < 1e-6, "{product}");
        assert!((norm.sqrt() - 2.0).abs() < 1e-6, "{norm}");
    }
}
