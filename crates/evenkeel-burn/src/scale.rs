//! What a weight is multiplied by: one number, or one for each of its units.

use burn::tensor::{Tensor, TensorData};
use evenkeel::quantity::RescaleFactor;

/// A factor for a whole tensor, or one for each slice along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    axis: Option<usize>,
    values: Vec<f64>,
}

impl From<RescaleFactor> for Scale {
    fn from(factor: RescaleFactor) -> Self {
        Self::new(None, vec![factor.get()])
    }
}

impl Scale {
    /// One factor for each slice along `axis`.
    pub fn along(axis: usize, factors: &[RescaleFactor]) -> Self {
        Self::new(
            Some(axis),
            factors.iter().map(|factor| factor.get()).collect(),
        )
    }

    /// One number for the whole without an axis, otherwise one for each slice along it.
    pub(crate) fn new(axis: Option<usize>, values: Vec<f64>) -> Self {
        Self { axis, values }
    }

    /// Whether it changes nothing.
    pub(crate) fn is_one(&self) -> bool {
        self.values.iter().all(|value| *value == 1.0)
    }

    /// With every number raised to a power.
    pub(crate) fn powi(&self, power: i32) -> Self {
        let values = self.values.iter().map(|value| value.powi(power));
        Self::new(self.axis, values.collect())
    }

    /// The tensor multiplied.
    pub(crate) fn times<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        let Some(axis) = self.axis else {
            return tensor.mul_scalar(self.values[0]);
        };
        let mut shape = [1; D];
        shape[axis] = self.values.len();
        // In the tensor's own precision: snapshots are in 64 bits.
        let values = TensorData::new(self.values.clone(), shape);
        let options = (&tensor.device(), tensor.dtype());
        tensor * Tensor::from_data(values, options)
    }

    /// The number for the entry at `index` of the flat contents of a tensor of this shape.
    pub(crate) fn at(&self, index: usize, shape: &[usize]) -> f64 {
        let Some(axis) = self.axis else {
            return self.values[0];
        };
        let stride: usize = shape[axis + 1..].iter().product();
        self.values[index / stride % self.values.len()]
    }
}
