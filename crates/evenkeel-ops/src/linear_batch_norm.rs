//! Linear layers fused with batch normalization.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::gemm::transpose::transpose;
use evenkeel_kernels::layers::batch_norm::Moments;
use evenkeel_kernels::layers::linear::Linear;
use evenkeel_kernels::layers::linear_batch_norm::{
    Inputs, LinearBatchNorm, RequestedGradients, Saved as Standardized,
};

use crate::arguments::{Norm, Normalized};
use crate::buffer::tensor;
use crate::record::{Operand, Saved, all, contiguous, record, slice};
use crate::{Kernels, NormCache};

impl Kernels {
    /// [`Kernels::linear`] without bias followed by [`Kernels::batch_norm`], fused if the batch has
    /// few rows. The fused result is stored feature by feature, the layout in which the next such
    /// layer reads it.
    ///
    /// # Panics
    /// When shapes do not match.
    pub fn linear_batch_norm(&self, x: Tensor<2>, w: Tensor<2>, norm: Norm<2>) -> Normalized<2> {
        let [[rows, inputs], [depth, outputs]] = [&x, &w].map(Tensor::dims);
        assert_eq!(inputs, depth, "x needs as many columns as W has rows");
        let layer = Linear {
            rows,
            inputs,
            outputs,
        };
        let fused = LinearBatchNorm::new(layer, norm.epsilon as f32, norm.relu);
        let operands = || {
            let x = Operand::in_any_layout(&x).map(|x| x.with_layout(|x| self.by_features(x)));
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
        fused: LinearBatchNorm,
        operands: [FlexTensor; 4],
        moments: &mut Moments,
    ) -> (FlexTensor, Fused) {
        let Linear { rows, outputs, .. } = fused.layer;
        let mut y = self.pool.buffers().take(rows * outputs);
        let standardized = fused.forward(&self.pool, inputs(&operands), &mut y);
        *moments = standardized.moments.clone();
        let saved = Fused {
            kernels: self.clone(),
            fused,
            operands,
            standardized: Arc::new(standardized),
        };
        (transposed(tensor(y, [outputs, rows])), saved)
    }

    /// Turns `[rows, features]` into a contiguous `[features, rows]`.
    fn by_features(&self, x: FlexTensor) -> FlexTensor {
        let view = transposed(x.clone());
        if view.as_slice::<f32>().is_some() {
            return view;
        }
        let shape = view.layout().shape().clone();
        let mut numbers = self.pool.buffers().take(shape.num_elements());
        transpose(slice(&contiguous(x)), shape[0], &mut numbers);
        tensor(numbers, shape)
    }
}

/// The transposed view of a matrix.
fn transposed(matrix: FlexTensor) -> FlexTensor {
    let layout = matrix.layout().transpose(0, 1);
    matrix.with_layout(layout)
}

fn inputs([x, w, gamma, beta]: &[FlexTensor; 4]) -> Inputs<'_> {
    Inputs {
        x: slice(x),
        w: slice(w),
        gamma: slice(gamma),
        beta: slice(beta),
    }
}

#[derive(Debug, Clone)]
struct Fused {
    kernels: Kernels,
    fused: LinearBatchNorm,
    /// `x`, feature by feature, then `W`, `γ` and `β`.
    operands: [FlexTensor; 4],
    standardized: Arc<Standardized>,
}

impl Saved<4> for Fused {
    fn with_layout(&self, output: FlexTensor) -> FlexTensor {
        self.kernels.by_features(output)
    }

    fn gradients(self, dy: FlexTensor, requested: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let Linear {
            rows,
            inputs: depth,
            outputs,
        } = self.fused.layer;
        let pool = &self.kernels.pool;
        let mut dw = pool.buffers().take(depth * outputs);
        let mut dx = requested[0].then(|| pool.buffers().take(rows * depth));
        let gradients = self.fused.backward(
            pool,
            inputs(&self.operands),
            &self.standardized,
            slice(&dy),
            RequestedGradients {
                w: &mut dw,
                x: dx.as_mut().map(|dx| &mut dx[..]),
                norms: self.kernels.norms.as_ref().map(NormCache::granularity),
            },
        );
        let dw = tensor(dw, [depth, outputs]);
        if let (Some(cache), Some(norms)) = (&self.kernels.norms, gradients.norms) {
            cache.insert(&self.operands[1], &dw, norms);
        }
        let of_features = |sums: &[f32]| Some(self.kernels.of_features(sums));
        [
            dx.map(|dx| transposed(tensor(dx, [depth, rows]))),
            Some(dw),
            of_features(&gradients.parameters.gamma),
            of_features(&gradients.parameters.beta),
        ]
    }
}
