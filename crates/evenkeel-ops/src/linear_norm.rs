//! Linear layers with the batch normalization behind them.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::batch_norm::Moments;
use evenkeel_kernels::linear::Linear;
use evenkeel_kernels::linear_norm::{Given, LinearNorm, Standardized, Wanted, turn};

use crate::Kernels;
use crate::batch_norm::{Norm, Normalized};
use crate::ledger;
use crate::memory::tensor;
use crate::record::{Operand, Saved, all, contiguous, record, slice};

impl Kernels {
    /// [`Kernels::linear`] without bias and then [`Kernels::batch_norm`], in one go where the rows are few.
    /// The examples of a feature then lie side by side in the result, as the next such layer has them.
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
            let x = Operand::as_it_lies(&x).map(|x| x.laid_out(|x| self.by_features(x)));
            let [gamma, beta] = [&norm.gamma, &norm.beta].map(Operand::of);
            all([x, Operand::of(&w), gamma, beta])
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
        (turned(tensor(y, [outputs, rows])), saved)
    }

    /// `[rows, features]` as a contiguous `[features, rows]`.
    fn by_features(&self, x: FlexTensor) -> FlexTensor {
        let view = turned(x.clone());
        if view.as_slice::<f32>().is_some() {
            return view;
        }
        let shape = view.layout().shape().clone();
        let mut numbers = self.workers.memory().numbers(shape.num_elements());
        turn(slice(&contiguous(x)), shape[0], &mut numbers);
        tensor(numbers, shape)
    }
}

/// A matrix seen the other way around.
fn turned(matrix: FlexTensor) -> FlexTensor {
    let layout = matrix.layout().transpose(0, 1);
    matrix.with_layout(layout)
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
    /// `x` by features.
    operands: [FlexTensor; 4],
    standardized: Arc<Standardized>,
}

impl Saved<4> for Fused {
    fn laid_out(&self, output: FlexTensor) -> FlexTensor {
        self.kernels.by_features(output)
    }

    fn gradients(self, dy: FlexTensor, wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.fused.layer;
        let workers = &self.kernels.workers;
        let mut dw = workers.memory().numbers(inputs * outputs);
        let mut dx = wanted[0].then(|| workers.memory().numbers(rows * inputs));
        let found = self.fused.backward(
            workers,
            given(&self.operands),
            &self.standardized,
            slice(&dy),
            Wanted {
                w: &mut dw,
                x: dx.as_mut().map(|dx| &mut dx[..]),
                norms: self.kernels.norms,
            },
        );
        let dw = tensor(dw, [inputs, outputs]);
        if let Some(norms) = found.norms {
            ledger::note(&self.operands[1], &dw, norms);
        }
        let of_features = |sums: &[f32]| Some(self.kernels.of_features(sums));
        [
            dx.map(|dx| turned(tensor(dx, [inputs, rows]))),
            Some(dw),
            of_features(&found.sums.gamma),
            of_features(&found.sums.beta),
        ]
    }
}
