//! Convolutions.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::conv::Conv;

use crate::buffer::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// Convolution without bias of maps `[batch, height, width, inputs]` with weights
    /// `[outputs, inputs / groups, rows, columns]`. Pairs are (rows, columns).
    ///
    /// # Panics
    /// When shapes do not match.
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
            "x and W have different numbers of channels"
        );
        match all([Operand::of(&x), Operand::of(&w)]) {
            Some(operands) => record(operands, |[x, w]| self.convolve(conv, x, w)),
            None => reference::conv(x, w, stride, padding, groups),
        }
    }

    fn convolve(&self, conv: Conv, x: FlexTensor, w: FlexTensor) -> (FlexTensor, Convolution) {
        let [height, width] = conv.output_size();
        let mut y = self.pool.buffers().take(conv.batch * conv.output_numbers());
        conv.forward(&self.pool, slice(&x), slice(&w), &mut y);
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
        let buffer_like =
            |tensor: &FlexTensor| kernels.pool.buffers().take(tensor.layout().num_elements());
        let (mut dw, mut dx) = (buffer_like(&w), input.then(|| buffer_like(&x)));
        let requested = dx.as_mut().map(|dx| &mut dx[..]);
        conv.backward(
            &kernels.pool,
            slice(&x),
            slice(&w),
            slice(&dy),
            &mut dw,
            requested,
        );
        let shape = |tensor: &FlexTensor| tensor.layout().shape().clone();
        [
            dx.map(|dx| tensor(dx, shape(&x))),
            weight.then(|| tensor(dw, shape(&w))),
        ]
    }
}
