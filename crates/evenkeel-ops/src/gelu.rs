//! `x Φ(x)`.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::gelu;

use crate::memory::tensor;
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
            let memory = self.workers.memory();
            let mut y = memory.numbers(shape.num_elements());
            let mut slope = memory.numbers(shape.num_elements());
            gelu::forward(&self.workers, slice(&x), &mut y, &mut slope);
            let saved = Slope {
                kernels: self.clone(),
                slope: tensor(slope, shape.clone()),
            };
            (tensor(y, shape), saved)
        })
    }
}

#[derive(Debug, Clone)]
struct Slope {
    kernels: Kernels,
    slope: FlexTensor,
}

impl Saved<1> for Slope {
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let workers = &self.kernels.workers;
        let shape = self.slope.layout().shape().clone();
        let mut dx = workers.memory().numbers(shape.num_elements());
        gelu::backward(workers, slice(&dy), slice(&self.slope), &mut dx);
        [Some(tensor(dx, shape))]
    }
}
