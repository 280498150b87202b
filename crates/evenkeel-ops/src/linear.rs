//! Linear layers.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::column_sums::column_sums;
use evenkeel_kernels::layers::linear::Linear;

use crate::buffer::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `y = x W + b` with `x` of `[rows, inputs]` and `W` of `[inputs, outputs]`.
    ///
    /// # Panics
    /// When shapes do not match.
    pub fn linear(&self, x: Tensor<2>, w: Tensor<2>, b: Option<Tensor<1>>) -> Tensor<2> {
        let operands = all([Operand::of(&x), Operand::of(&w)]);
        match (operands, b) {
            (Some([x, w]), None) => record([x, w], |[x, w]| self.multiply(x, w, None)),
            (Some([x, w]), Some(b)) => match Operand::of(&b) {
                Some(b) => record([x, w, b], |[x, w, b]| self.multiply(x, w, Some(b))),
                None => unreachable!("a bias has the type and backend of its weight"),
            },
            (None, b) => reference::linear(x, w, b),
        }
    }

    fn multiply(
        &self,
        x: FlexTensor,
        w: FlexTensor,
        b: Option<FlexTensor>,
    ) -> (FlexTensor, Product) {
        let size = |tensor: &FlexTensor| (tensor.layout().shape()[0], tensor.layout().shape()[1]);
        let ((rows, inputs), (depth, outputs)) = (size(&x), size(&w));
        assert_eq!(inputs, depth, "x needs as many columns as W has rows");
        let layer = Linear {
            rows,
            inputs,
            outputs,
        };
        let mut y = self.pool.buffers().take(rows * outputs);
        let bias = b.as_ref().map(slice);
        layer.forward(&self.pool, slice(&x), slice(&w), bias, &mut y);
        let saved = Product {
            kernels: self.clone(),
            layer,
            x,
            w,
        };
        (tensor(y, [rows, outputs]), saved)
    }
}

#[derive(Debug, Clone)]
struct Product {
    kernels: Kernels,
    layer: Linear,
    x: FlexTensor,
    w: FlexTensor,
}

impl Product {
    fn input(&self, dy: &FlexTensor) -> FlexTensor {
        let Linear { rows, inputs, .. } = self.layer;
        let mut dx = self.kernels.pool.buffers().take(rows * inputs);
        let pool = &self.kernels.pool;
        self.layer
            .input_gradient(pool, slice(dy), slice(&self.w), &mut dx);
        tensor(dx, [rows, inputs])
    }

    fn weight(&self, dy: &FlexTensor) -> FlexTensor {
        let Linear {
            inputs, outputs, ..
        } = self.layer;
        let mut dw = self.kernels.pool.buffers().take(inputs * outputs);
        let pool = &self.kernels.pool;
        self.layer
            .weight_gradient(pool, slice(&self.x), slice(dy), &mut dw);
        tensor(dw, [inputs, outputs])
    }

    fn bias(&self, dy: &FlexTensor) -> FlexTensor {
        let outputs = self.layer.outputs;
        let pool = &self.kernels.pool;
        let mut db = pool.buffers().take(outputs);
        column_sums(pool, slice(dy), &mut db);
        tensor(db, [outputs])
    }
}

impl Saved<2> for Product {
    fn gradients(self, dy: FlexTensor, [x, w]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        [x.then(|| self.input(&dy)), w.then(|| self.weight(&dy))]
    }
}

impl Saved<3> for Product {
    fn gradients(self, dy: FlexTensor, [x, w, b]: [bool; 3]) -> [Option<FlexTensor>; 3] {
        [
            x.then(|| self.input(&dy)),
            w.then(|| self.weight(&dy)),
            b.then(|| self.bias(&dy)),
        ]
    }
}
