//! The parameter-free shortcut of residual networks.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::subsample::Subsample;

use crate::buffer::tensor;
use crate::record::{Operand, Saved, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// Every `stride`-th pixel of maps `[batch, height, width, channels]`, with `zeros` channels of
    /// zeros appended.
    pub fn subsample(&self, x: Tensor<4>, stride: usize, zeros: usize) -> Tensor<4> {
        let [_, height, width, channels] = x.dims();
        let shortcut = Subsample {
            size: [height, width],
            channels,
            stride,
            zeros,
        };
        match Operand::of(&x) {
            Some(x) => record([x], |[x]| self.subsampled(shortcut, &x)),
            None => reference::subsample(x, stride, zeros),
        }
    }

    fn subsampled(&self, shortcut: Subsample, x: &FlexTensor) -> (FlexTensor, Shortcut) {
        let batch = x.layout().shape()[0];
        let [height, width] = shortcut.output_size();
        let shape = [batch, height, width, shortcut.outputs()];
        let mut y = self.pool.buffers().take(shape.iter().product());
        shortcut.forward(&self.pool, slice(x), &mut y);
        let saved = Shortcut {
            kernels: self.clone(),
            shortcut,
        };
        (tensor(y, shape), saved)
    }
}

#[derive(Debug, Clone)]
struct Shortcut {
    kernels: Kernels,
    shortcut: Subsample,
}

impl Saved<1> for Shortcut {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let Subsample { size, channels, .. } = self.shortcut;
        let shape = [dy.layout().shape()[0], size[0], size[1], channels];
        let pool = &self.kernels.pool;
        let mut dx = pool.buffers().take(shape.iter().product());
        self.shortcut.backward(pool, slice(&dy), &mut dx);
        [Some(tensor(dx, shape))]
    }
}
