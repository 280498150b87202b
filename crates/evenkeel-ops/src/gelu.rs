//! GELU.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::gelu;

use crate::buffer::tensor;
use crate::record::{Operand, Saved, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `x Φ(x)` with the exact normal distribution function Φ.
    pub fn gelu<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let Some(operand) = Operand::of(&x) else {
            return reference::gelu(x);
        };
        record([operand], |[x]| {
            let shape = x.layout().shape().clone();
            let buffers = self.pool.buffers();
            let mut y = buffers.take(shape.num_elements());
            let mut slope = buffers.take(shape.num_elements());
            gelu::forward(&self.pool, slice(&x), &mut y, &mut slope);
            let saved = Derivative {
                kernels: self.clone(),
                slope: tensor(slope, shape.clone()),
            };
            (tensor(y, shape), saved)
        })
    }
}

#[derive(Debug, Clone)]
struct Derivative {
    kernels: Kernels,
    /// `dy/dx` of each number.
    slope: FlexTensor,
}

impl Saved<1> for Derivative {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let pool = &self.kernels.pool;
        let shape = self.slope.layout().shape().clone();
        let mut dx = pool.buffers().take(shape.num_elements());
        gelu::backward(pool, slice(&dy), slice(&self.slope), &mut dx);
        [Some(tensor(dx, shape))]
    }
}
