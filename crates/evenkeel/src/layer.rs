//! One layer's norms, and what follows from them.

use crate::quantity::{Elr, GradientNorm, QuantityError, WeightNorm};

/// The norms of one scale-invariant weight at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorms {
    /// `σ = ‖W‖`.
    pub weight: WeightNorm,
    /// `‖∇W‖`.
    pub gradient: GradientNorm,
}

impl LayerNorms {
    /// The effective learning rate `E = ‖∇W‖/‖W‖` (T2).
    ///
    /// # Errors
    /// [`QuantityError`] when the gradient is zero, or so small or large that the ratio leaves the
    /// positive finite numbers.
    pub fn elr(self) -> Result<Elr, QuantityError> {
        Elr::new(self.gradient.get() / self.weight.get())
    }

    /// The base gradient `c = ‖∇W‖·‖W‖`: the gradient norm at `‖W‖ = 1`, which scaling the weight
    /// does not change (T1).
    pub fn base_gradient(self) -> f64 {
        self.gradient.get() * self.weight.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms(weight: f64, gradient: f64) -> LayerNorms {
        LayerNorms {
            weight: WeightNorm::new(weight).unwrap(),
            gradient: GradientNorm::new(gradient).unwrap(),
        }
    }

    #[test]
    fn scaling_the_weight_keeps_the_base_gradient() {
        let (layer, scaled) = (norms(2.0, 6.0), norms(4.0, 3.0));
        assert_eq!(layer.elr().unwrap().get(), 3.0);
        assert_eq!(layer.base_gradient(), scaled.base_gradient());
    }

    #[test]
    fn a_dead_layer_has_no_elr() {
        assert!(norms(2.0, 0.0).elr().is_err());
    }
}
