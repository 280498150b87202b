//! Linear layers with the batch normalization behind them.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::batch_norm::Moments;
use evenkeel_kernels::linear::Linear;
use evenkeel_kernels::linear_norm::{Given, LinearNorm, Standardized};

use crate::Kernels;
use crate::batch_norm::{Norm, Normalized};
use crate::memory::tensor;
use crate::record::{Operand, Saved, all, record, slice};

impl Kernels {
    /// [`Kernels::linear`] without bias and then [`Kernels::batch_norm`], in one go where the rows are few.
    ///
    /// # Panics
    /// When the shapes do not fit each other.
    pub fn linear_batch_norm(&self, x: Tensor<2>, w: Tensor<2>, norm: Norm<2>) -> Normalized<2> {
        let [[rows, inputs], [depth, outputs]] = [&x, &w].map(Tensor::dims);
        assert_eq!(inputs, depth, "columns of x against rows of W");
        let layer = Linear {
            rows,
            inputs,
            outputs,
        };
        let fused = LinearNorm::new(layer, norm.epsilon as f32, norm.relu);
        let operands = || {
            all([
                Operand::of(&x),
                Operand::of(&w),
                Operand::of(&norm.gamma),
                Operand::of(&norm.beta),
            ])
        };
        match (
            &norm.residual,
            fused.and_then(|fused| Some((fused, operands()?))),
        ) {
            (None, Some((fused, operands))) => {
                let mut moments = Moments::default();
                let y = record(operands, |operands| {
                    self.standardize(fused, operands, &mut moments)
                });
                self.normalized(y, &moments)
            }
            _ => self.batch_norm(self.linear(x, w, None), norm),
        }
    }

    fn standardize(
        &self,
        fused: LinearNorm,
        operands: [FlexTensor; 4],
        moments: &mut Moments,
    ) -> (FlexTensor, Fused) {
        let Linear { rows, outputs, .. } = fused.layer;
        let mut y = self.workers.memory().numbers(rows * outputs);
        let standardized = fused.forward(&self.workers, given(&operands), &mut y);
        *moments = standardized.moments.clone();
        let saved = Fused {
            kernels: self.clone(),
            fused,
            operands,
            standardized: Arc::new(standardized),
        };
        (tensor(y, [rows, outputs]), saved)
    }
}

fn given([x, w, gamma, beta]: &[FlexTensor; 4]) -> Given<'_> {
    Given {
        x: slice(x),
        w: slice(w),
        gamma: slice(gamma),
        beta: slice(beta),
    }
}

#[derive(Debug, Clone)]
struct Fused {
    kernels: Kernels,
    fused: LinearNorm,
    operands: [FlexTensor; 4],
    standardized: Arc<Standardized>,
}

impl Saved<4> for Fused {
    fn gradients(self, dy: FlexTensor, wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.fused.layer;
        let workers = &self.kernels.workers;
        let mut dw = workers.memory().numbers(inputs * outputs);
        let mut dx = wanted[0].then(|| workers.memory().numbers(rows * inputs));
        let sums = self.fused.backward(
            workers,
            given(&self.operands),
            &self.standardized,
            slice(&dy),
            &mut dw,
            dx.as_mut().map(|dx| &mut dx[..]),
        );
        let of_features = |sums: &[f32]| Some(self.kernels.of_features(sums));
        [
            dx.map(|dx| tensor(dx, [rows, inputs])),
            Some(tensor(dw, [inputs, outputs])),
            of_features(&sums.gamma),
            of_features(&sums.beta),
        ]
    }
}
