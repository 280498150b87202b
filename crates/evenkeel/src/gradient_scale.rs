//! How all base gradients of a network moved together, as measured: one factor a step (T20).

use crate::layer::LayerNorms;
use crate::quantity::{GradientScale, QuantityError};

/// Measured factors `s_t` for [`gradient_scale`](crate::forecast::Forecaster::gradient_scale), relative to
/// step 0. After the last one it stays what it is; without any, gradients are steady.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MeasuredScale {
    scales: Vec<GradientScale>,
}

impl MeasuredScale {
    /// `s_t = v_t/v_0`, for values in any unit, such as a typical gradient norm at each step.
    ///
    /// # Errors
    /// [`QuantityError`] when the first value is zero, or so far from another that their ratio is
    /// no number.
    pub fn relative(values: &[GradientScale]) -> Result<Self, QuantityError> {
        let ratio = |value: &GradientScale| GradientScale::new(value.get() / values[0].get());
        let scales = values.iter().map(ratio).collect::<Result<_, _>>()?;
        Ok(Self { scales })
    }

    /// `s_t`, the geometric mean over layers of `c_l(t)/c_l(0)` with `c_l = ‖W_l‖‖∇W_l‖` (T1), from
    /// the norms of all layers at each step, always in the same order.
    ///
    /// A layer takes no part in a step where it has no gradient, nor ever if it had none at step 0;
    /// where none takes part the scale is zero.
    pub fn of_norms(steps: &[Vec<LayerNorms>]) -> Self {
        let first = steps.first().map_or(&[][..], Vec::as_slice);
        let scales = steps.iter().map(|layers| mean_ratio(layers, first));
        Self {
            scales: scales.collect(),
        }
    }

    /// The scale at `step`, counted from 0.
    pub fn at(&self, step: usize) -> GradientScale {
        let known = self.scales.get(step).or(self.scales.last());
        known.copied().unwrap_or(GradientScale::ONE)
    }

    /// Steps that were measured.
    pub fn steps(&self) -> usize {
        self.scales.len()
    }
}

/// The geometric mean of the ratios of base gradients between two steps, over layers that have one
/// in both.
fn mean_ratio(layers: &[LayerNorms], first: &[LayerNorms]) -> GradientScale {
    // Logarithms add up where products of norms would leave the numbers.
    let ln = |norms: &LayerNorms| norms.gradient.get().ln() + norms.weight.get().ln();
    let ratios = layers
        .iter()
        .zip(first)
        .map(|(now, then)| ln(now) - ln(then));
    let (count, sum) = ratios
        .filter(|ratio| ratio.is_finite())
        .fold((0usize, 0.0), |(count, sum), ratio| {
            (count + 1, sum + ratio)
        });
    match count {
        0 => GradientScale::ZERO,
        _ => GradientScale::from_ln(sum / count as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::{GradientNorm, WeightNorm};

    fn layers(norms: &[(f64, f64)]) -> Vec<LayerNorms> {
        let layer = |&(weight, gradient): &(f64, f64)| LayerNorms {
            weight: WeightNorm::new(weight).unwrap(),
            gradient: GradientNorm::new(gradient).unwrap(),
        };
        norms.iter().map(layer).collect()
    }

    fn scales(scale: &MeasuredScale, steps: usize) -> Vec<f64> {
        (0..steps).map(|step| scale.at(step).get()).collect()
    }

    #[test]
    fn the_last_scale_holds_and_none_is_one() {
        let values = [4.0, 2.0, 1.0].map(|v| GradientScale::new(v).unwrap());
        let scale = MeasuredScale::relative(&values).unwrap();
        assert_eq!(scales(&scale, 5), [1.0, 0.5, 0.25, 0.25, 0.25]);
        assert_eq!(scales(&MeasuredScale::default(), 2), [1.0, 1.0]);
        assert_eq!((scale.steps(), MeasuredScale::default().steps()), (3, 0));
    }

    #[test]
    fn ratios_that_are_no_numbers_are_refused() {
        for values in [[0.0, 1.0], [1e-300, 1e300]] {
            let values = values.map(|v| GradientScale::new(v).unwrap());
            assert!(MeasuredScale::relative(&values).is_err());
        }
    }

    #[test]
    fn base_gradients_count_and_not_norms() {
        // Four times the weight and a fourth of the gradient are the same c; the second layer's
        // falls to a fourth: √(1 · 1/4) on the whole.
        let steps = [
            layers(&[(1.0, 8.0), (1.0, 4.0)]),
            layers(&[(4.0, 2.0), (1.0, 1.0)]),
        ];
        let scale = MeasuredScale::of_norms(&steps);
        assert_eq!(scale.at(0), GradientScale::ONE);
        assert!((scale.at(1).get() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn layers_without_gradient_take_no_part() {
        let steps = [
            layers(&[(1.0, 1.0), (1.0, 0.0), (1.0, 1.0)]),
            layers(&[(1.0, 0.5), (1.0, 9.0), (1.0, 0.0)]),
            layers(&[(1.0, 0.0), (1.0, 9.0), (1.0, 0.0)]),
        ];
        let scale = MeasuredScale::of_norms(&steps);
        assert!((scale.at(1).get() - 0.5).abs() < 1e-15);
        assert_eq!(scale.at(2).get(), 0.0);
    }
}
