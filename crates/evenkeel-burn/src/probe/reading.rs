//! A layer's norms, summed on the device and read back all at once.

use burn::tensor::Tensor;
use evenkeel::layer::LayerNorms;
use evenkeel::quantity::{GradientNorm, QuantityError, WeightNorm};

use super::{COSINE_TOLERANCE, MAX_COSINE};

/// `‖W‖`, `‖∇W‖` and the cosine between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// `‖W‖`.
    pub weight_norm: f64,
    /// `‖∇W‖`.
    pub gradient_norm: f64,
    /// `⟨W, ∇W⟩/(‖W‖‖∇W‖)`; zero by T1 for a scale-invariant weight, and set to zero where a norm
    /// vanishes.
    pub cosine: f64,
}

impl Reading {
    /// From the squared norms and the inner product.
    fn from_sums([weight, gradient, inner]: [f64; 3]) -> Self {
        let (weight_norm, gradient_norm) = (weight.sqrt(), gradient.sqrt());
        let cosine = inner / (weight_norm * gradient_norm);
        Self {
            weight_norm,
            gradient_norm,
            cosine: if weight * gradient == 0.0 {
                0.0
            } else {
                cosine
            },
        }
    }

    /// Whether gradient and weight of that shape are orthogonal to within [`COSINE_TOLERANCE`] and
    /// [`MAX_COSINE`]. NaN is not: what cannot be measured is not counted.
    pub(super) fn is_orthogonal(self, shape: &[usize]) -> bool {
        let numel: usize = shape.iter().product();
        self.cosine.abs() <= MAX_COSINE.min(COSINE_TOLERANCE / (numel as f64).sqrt())
    }

    /// The norms as quantities of the theory.
    ///
    /// # Errors
    /// [`QuantityError`] for a vanished weight and for non-finite norms.
    pub fn norms(self) -> Result<LayerNorms, QuantityError> {
        Ok(LayerNorms {
            weight: WeightNorm::new(self.weight_norm)?,
            gradient: GradientNorm::new(self.gradient_norm)?,
        })
    }
}
/// Squared norms and inner products on the device, waiting for the one read-back.
#[derive(Default)]
pub(super) struct Sums {
    pending: Vec<Tensor<1>>,
    /// Exact sums for the few tensors whose squares leave the range of `f32`.
    exact: Vec<Box<dyn Fn() -> [f64; 3]>>,
}

impl Sums {
    /// Queues a weight and its gradient; returns the slot of their reading.
    pub(super) fn push<const D: usize>(&mut self, weight: Tensor<D>, gradient: Tensor<D>) -> usize {
        self.pending.push(Tensor::cat(
            vec![
                weight.clone().mul(weight.clone()).sum(),
                gradient.clone().mul(gradient.clone()).sum(),
                weight.clone().mul(gradient.clone()).sum(),
            ],
            0,
        ));
        self.exact
            .push(Box::new(move || exact_sums(&weight, &gradient)));
        self.exact.len() - 1
    }

    pub(super) fn read(self) -> Vec<Reading> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        let data = Tensor::cat(self.pending, 0).into_data();
        let sums: Vec<f64> = data.iter::<f64>().collect();
        sums.chunks_exact(3)
            .zip(self.exact)
            .map(|(sums, exact)| {
                let safe = sums[..2].iter().all(|sum| (1e-30..1e37).contains(sum));
                Reading::from_sums(if safe {
                    [sums[0], sums[1], sums[2]]
                } else {
                    exact()
                })
            })
            .collect()
    }
}

/// The sums in `f64` on the host: slow, and right where squares under- or overflow `f32`.
fn exact_sums<const D: usize>(weight: &Tensor<D>, gradient: &Tensor<D>) -> [f64; 3] {
    let (weight, gradient) = (weight.to_data(), gradient.to_data());
    weight
        .iter::<f64>()
        .zip(gradient.iter::<f64>())
        .fold([0.0; 3], |[w2, g2, wg], (w, g)| {
            [w2 + w * w, g2 + g * g, wg + w * g]
        })
}
