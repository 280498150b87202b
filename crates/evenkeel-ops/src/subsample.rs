//! Shortcuts that keep every few pixels.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::subsample::Subsample;

use crate::memory::tensor;
use crate::record::{Operand, Saved, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// Every `stride`-th pixel of maps `[batch, height, width, channels]`, with so many channels of zeros
    /// behind its own.
    pub fn subsample(&self, x: Tensor<4>, stride: usize, zeros: usize) -> Tensor<4> {
        let [_, height, width, channels] = x.dims();
        let shortcut = Subsample {
            size: [height, width],
            channels,
            stride,
            zeros,
        };
        match Operand::of(&x) {
            Some(x) => record([x], |[x]| self.keep_some(shortcut, &x)),
            None => reference::subsample(x, stride, zeros),
        }
    }

    fn keep_some(&self, shortcut: Subsample, x: &FlexTensor) -> (FlexTensor, Shortcut) {
        let batch = x.layout().shape()[0];
        let [height, width] = shortcut.output_size();
        let shape = [batch, height, width, shortcut.outputs()];
        let mut y = self.workers.memory().numbers(shape.iter().product());
        shortcut.forward(&self.workers, slice(x), &mut y);
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
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let Subsample { size, channels, .. } = self.shortcut;
        let shape = [dy.layout().shape()[0], size[0], size[1], channels];
        let workers = &self.kernels.workers;
        let mut dx = workers.memory().numbers(shape.iter().product());
        self.shortcut.backward(workers, slice(&dy), &mut dx);
        [Some(tensor(dx, shape))]
    }
}
