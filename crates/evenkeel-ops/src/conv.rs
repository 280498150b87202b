//! Convolutions.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::conv::Conv;

use crate::memory::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// Convolution without bias of maps `[batch, height, width, inputs]` with weights
    /// `[outputs, inputs / groups, rows, columns]`; pairs are of rows and columns.
    ///
    /// # Panics
    /// When the shapes do not fit each other.
    pub fn conv(
        &self,
        x: Tensor<4>,
        w: Tensor<4>,
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) -> Tensor<4> {
        let [batch, height, width, inputs] = x.dims();
        let [outputs, of_group, rows, columns] = w.dims();
        let conv = Conv {
            batch,
            size: [height, width],
            inputs,
            outputs,
            kernel: [rows, columns],
            stride,
            padding,
            groups,
        };
        assert_eq!(
            inputs,
            of_group * groups,
            "channels of x against those of W"
        );
        match all([Operand::of(&x), Operand::of(&w)]) {
            Some(operands) => record(operands, |[x, w]| self.convolve(conv, x, w)),
            None => reference::conv(x, w, stride, padding, groups),
        }
    }

    fn convolve(&self, conv: Conv, x: FlexTensor, w: FlexTensor) -> (FlexTensor, Convolution) {
        let [height, width] = conv.output_size();
        let mut y = self
            .workers
            .memory()
            .numbers(conv.batch * conv.output_numbers());
        conv.forward(&self.workers, slice(&x), slice(&w), &mut y);
        let y = tensor(y, [conv.batch, height, width, conv.outputs]);
        let saved = Convolution {
            kernels: self.clone(),
            conv,
            x,
            w,
        };
        (y, saved)
    }
}

#[derive(Debug, Clone)]
struct Convolution {
    kernels: Kernels,
    conv: Conv,
    x: FlexTensor,
    w: FlexTensor,
}

impl Saved<2> for Convolution {
    fn gradients(self, dy: FlexTensor, [input, weight]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let Self {
            kernels,
            conv,
            x,
            w,
        } = self;
        let room = |tensor: &FlexTensor| {
            kernels
                .workers
                .memory()
                .numbers(tensor.layout().num_elements())
        };
        let (mut dw, mut dx) = (room(&w), input.then(|| room(&x)));
        let wanted = dx.as_mut().map(|dx| &mut dx[..]);
        conv.backward(
            &kernels.workers,
            slice(&x),
            slice(&w),
            slice(&dy),
            &mut dw,
            wanted,
        );
        let shape = |tensor: &FlexTensor| tensor.layout().shape().clone();
        [
            dx.map(|dx| tensor(dx, shape(&x))),
            weight.then(|| tensor(dw, shape(&w))),
        ]
    }
}
