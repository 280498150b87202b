//! A layer's norms, summed on the device and read back all at once.

use burn::tensor::Tensor;
use evenkeel::layer::LayerNorms;
use evenkeel::quantity::{Elr, GradientNorm, QuantityError, WeightNorm};

use super::norm_source::{InnerProducts, NormSource};
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

    /// The reading of a weight from those of its units.
    pub fn joined(units: &[Self]) -> Self {
        if let [one] = units {
            return *one;
        }
        let sums = units.iter().fold([0.0; 3], |[w2, g2, wg], unit| {
            let (w, g) = (unit.weight_norm, unit.gradient_norm);
            [w2 + w * w, g2 + g * g, wg + unit.cosine * w * g]
        });
        Self::from_sums(sums)
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

    /// `E = ‖∇W‖/‖W‖` (T2), `None` where a norm vanishes or is not finite.
    pub fn elr(self) -> Option<Elr> {
        // What no norm can be makes a ratio that no ELR can be.
        Elr::new(self.gradient_norm / self.weight_norm).ok()
    }
}

/// Readings: computed at once on the CPU, on another device waiting for the one read-back.
#[derive(Default)]
pub(super) struct Sums {
    norms: NormSource,
    /// Zeros where the device has not been asked yet.
    readings: Vec<Reading>,
    pending: Vec<Pending>,
}

/// A weight with its gradient whose sums are on the device.
struct Pending {
    /// Where its readings begin.
    start: usize,
    /// How many they are: one, or one a unit.
    count: usize,
    /// The sums, so many numbers of each kind.
    sums: Tensor<1>,
    /// Exact sums, for the few tensors whose squares leave the range of `f32`.
    exact: Box<dyn Fn() -> Vec<[f64; 3]>>,
}

impl Sums {
    /// No readings yet, with room for so many.
    pub(super) fn new(norms: NormSource, readings: usize) -> Self {
        Self {
            norms,
            readings: Vec::with_capacity(readings),
            pending: Vec::new(),
        }
    }

    /// Takes a weight and its gradient, as a whole or by its slices along an axis; returns the slot
    /// of the first of their readings.
    pub(super) fn push<const D: usize>(
        &mut self,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        axis: Option<usize>,
    ) -> usize {
        let start = self.readings.len();
        let readings = &mut self.readings;
        let safe = (self.norms).with_products(&weight, &gradient, axis, |products| {
            extend(readings, products)
        });
        if safe {
            return start;
        }
        let count = axis.map_or(1, |axis| weight.dims()[axis]);
        let nothing = Reading::from_sums([0.0; 3]);
        self.readings.resize(start + count, nothing);
        let products = vec![
            summed(weight.clone().mul(weight.clone()), axis),
            summed(gradient.clone().mul(gradient.clone()), axis),
            summed(weight.clone().mul(gradient.clone()), axis),
        ];
        self.pending.push(Pending {
            start,
            count,
            sums: Tensor::cat(products, 0),
            exact: Box::new(move || exact_sums(&weight, &gradient, axis)),
        });
        start
    }

    /// Whether all readings are there, made of sums that were safe: finite, and none of them zero.
    pub(super) fn are_known(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn read(mut self) -> Vec<Reading> {
        if self.are_known() {
            return self.readings;
        }
        let sums = self.pending.iter().map(|p| p.sums.clone()).collect();
        let data: Vec<f64> = Tensor::cat(sums, 0).into_data().iter().collect();
        let mut data = data.as_slice();
        for Pending {
            start,
            count,
            exact,
            ..
        } in self.pending
        {
            let (sums, rest) = data.split_at(3 * count);
            data = rest;
            let of = |i: usize| [sums[i], sums[count + i], sums[2 * count + i]];
            let sums: Vec<_> = (0..count).map(of).collect();
            let sums = match are_safe(&sums) {
                true => sums,
                false => exact(),
            };
            (self.readings[start..].iter_mut().zip(sums))
                .for_each(|(reading, sums)| *reading = Reading::from_sums(sums));
        }
        self.readings
    }
}

/// Adds a reading for each of the sums, unless one of them is unsafe; returns whether it did.
fn extend(readings: &mut Vec<Reading>, sums: &[InnerProducts]) -> bool {
    let safe = are_safe(sums);
    if safe {
        readings.extend(sums.iter().copied().map(Reading::from_sums));
    }
    safe
}

/// Whether no square of any vector can have left the range of `f32`.
fn are_safe(sums: &[[f64; 3]]) -> bool {
    // Positive numbers are ordered as their bits are, and nearly all are safe: all are looked at without a branch.
    let (low, high) = (1e-30_f64.to_bits(), 1e37_f64.to_bits());
    let safe = |sum: f64| sum.to_bits().wrapping_sub(low) < high - low;
    (sums.iter()).fold(true, |all, [weight, gradient, _]| {
        all & safe(*weight) & safe(*gradient)
    })
}

/// The sum of a tensor, or of each of its slices along an axis.
fn summed<const D: usize>(tensor: Tensor<D>, axis: Option<usize>) -> Tensor<1> {
    let Some(axis) = axis else {
        return tensor.sum();
    };
    let count = tensor.dims()[axis];
    (0..D)
        .filter(|other| *other != axis)
        .fold(tensor, |tensor, other| tensor.sum_dim(other))
        .reshape([count])
}

/// The sums in `f64` on the host: slow, and right where squares under- or overflow `f32`.
fn exact_sums<const D: usize>(
    weight: &Tensor<D>,
    gradient: &Tensor<D>,
    axis: Option<usize>,
) -> Vec<[f64; 3]> {
    let dims = weight.dims();
    let (count, stride) = match axis {
        Some(axis) => (dims[axis], dims[axis + 1..].iter().product()),
        None => (1, 1),
    };
    let (weight, gradient) = (weight.to_data(), gradient.to_data());
    let mut sums = vec![[0.0; 3]; count];
    for (index, (w, g)) in weight.iter::<f64>().zip(gradient.iter::<f64>()).enumerate() {
        let [w2, g2, wg] = &mut sums[index / stride % count];
        *w2 += w * w;
        *g2 += g * g;
        *wg += w * g;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_norms_has_no_elr() {
        let norms = [0.0, 1e-300, 2.0, 1e300, f64::INFINITY, f64::NAN];
        for weight_norm in norms {
            for gradient_norm in norms {
                let reading = Reading {
                    weight_norm,
                    gradient_norm,
                    cosine: 0.0,
                };
                let checked = reading.norms().ok().and_then(|norms| norms.elr().ok());
                assert_eq!(reading.elr(), checked, "{reading:?}");
            }
        }
    }
}
