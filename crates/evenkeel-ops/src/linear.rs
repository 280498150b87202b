//! Linear layers.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::column_sums::column_sums;
use evenkeel_kernels::linear::Linear;

use crate::memory::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `y = x W + b` with `x` of `[rows, inputs]` and `W` of `[inputs, outputs]`.
    ///
    /// # Panics
    /// When the shapes do not fit each other.
    pub fn linear(&self, x: Tensor<2>, w: Tensor<2>, b: Option<Tensor<1>>) -> Tensor<2> {
        let operands = all([Operand::of(&x), Operand::of(&w)]);
        match (operands, b) {
            (Some([x, w]), None) => record([x, w], |[x, w]| self.multiply(x, w, None)),
            (Some([x, w]), Some(b)) => match Operand::of(&b) {
                Some(b) => record([x, w, b], |[x, w, b]| self.multiply(x, w, Some(b))),
                None => unreachable!("a bias is of its weight's type and backend"),
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
        assert_eq!(inputs, depth, "columns of x against rows of W");
        let layer = Linear {
            rows,
            inputs,
            outputs,
        };
        let mut y = self.workers.memory().numbers(rows * outputs);
        let bias = b.as_ref().map(slice);
        layer.forward(&self.workers, slice(&x), slice(&w), bias, &mut y);
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
        let mut dx = self.kernels.workers.memory().numbers(rows * inputs);
        let workers = &self.kernels.workers;
        self.layer
            .input_gradient(workers, slice(dy), slice(&self.w), &mut dx);
        tensor(dx, [rows, inputs])
    }

    fn weight(&self, dy: &FlexTensor) -> FlexTensor {
        let Linear {
            inputs, outputs, ..
        } = self.layer;
        let mut dw = self.kernels.workers.memory().numbers(inputs * outputs);
        let workers = &self.kernels.workers;
        self.layer
            .weight_gradient(workers, slice(&self.x), slice(dy), &mut dw);
        tensor(dw, [inputs, outputs])
    }

    fn bias(&self, dy: &FlexTensor) -> FlexTensor {
        let outputs = self.layer.outputs;
        let workers = &self.kernels.workers;
        let mut db = workers.memory().numbers(outputs);
        column_sums(workers, slice(dy), &mut db);
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
