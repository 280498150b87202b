//! Layer and RMS normalization.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::layer_norm::LayerNorm;
use evenkeel_kernels::threads::PooledBuffer;

use crate::buffer::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `y = γ (x − μ)/√(v + ε) + β` with the mean and biased variance along the last axis. Without
    /// `β` it is RMS normalization: the mean is taken to be zero.
    ///
    /// # Panics
    /// When shapes do not match.
    pub fn layer_norm<const D: usize>(
        &self,
        x: Tensor<D>,
        gamma: Tensor<1>,
        beta: Option<Tensor<1>>,
        epsilon: f64,
    ) -> Tensor<D> {
        let features = x.dims()[D - 1];
        let sizes = [Some(&gamma), beta.as_ref()].map(|of| of.map_or(features, |of| of.dims()[0]));
        assert_eq!(
            sizes, [features; 2],
            "gain and shift need one number for each feature"
        );
        let operands = all([Operand::of(&x), Operand::of(&gamma)]);
        let epsilon_32 = epsilon as f32;
        match (operands, beta.as_ref().map(Operand::of)) {
            (Some(operands), None) => record(operands, |[x, gamma]| {
                self.normalize_rows(x, gamma, None, epsilon_32)
            }),
            (Some([x, gamma]), Some(Some(beta))) => record([x, gamma, beta], |[x, gamma, beta]| {
                self.normalize_rows(x, gamma, Some(beta), epsilon_32)
            }),
            _ => reference::layer_norm(x, gamma, beta, epsilon),
        }
    }

    fn normalize_rows(
        &self,
        x: FlexTensor,
        gamma: FlexTensor,
        beta: Option<FlexTensor>,
        epsilon: f32,
    ) -> (FlexTensor, Rows) {
        let shape = x.layout().shape().clone();
        let (count, features) = (shape.num_elements(), slice(&gamma).len());
        let mut y = self.pool.buffers().take(count);
        let mut moments = self.pool.buffers().take(count / features.max(1) * 2);
        let length = moments.len();
        let norm = LayerNorm {
            gamma: slice(&gamma),
            beta: beta.as_ref().map(slice),
            epsilon,
        };
        norm.forward(&self.pool, slice(&x), &mut y, &mut moments);
        let saved = Rows {
            kernels: self.clone(),
            moments: tensor(moments, [length]),
            epsilon,
            x,
            gamma,
            beta,
        };
        (tensor(y, shape), saved)
    }
}

#[derive(Debug, Clone)]
struct Rows {
    kernels: Kernels,
    x: FlexTensor,
    gamma: FlexTensor,
    beta: Option<FlexTensor>,
    epsilon: f32,
    moments: FlexTensor,
}

impl Rows {
    /// The gradients of `x`, `γ` and `β`.
    fn all_gradients(&self, dy: &FlexTensor) -> [Option<FlexTensor>; 3] {
        let pool = &self.kernels.pool;
        let norm = LayerNorm {
            gamma: slice(&self.gamma),
            beta: self.beta.as_ref().map(slice),
            epsilon: self.epsilon,
        };
        let features = norm.gamma.len();
        let mut dx = pool.buffers().take(slice(dy).len());
        let mut sums = pool.buffers().take(2 * features);
        let inputs = [slice(&self.x), slice(dy), slice(&self.moments)];
        norm.backward(pool, inputs, &mut dx, &mut sums);
        let half = |half: &[f32]| {
            let mut numbers: PooledBuffer = pool.buffers().take(features);
            numbers.copy_from_slice(half);
            Some(tensor(numbers, [features]))
        };
        let (gamma, beta) = sums.split_at(features);
        let shape = self.x.layout().shape().clone();
        [Some(tensor(dx, shape)), half(gamma), half(beta)]
    }
}

impl Saved<2> for Rows {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let [x, gamma, _] = self.all_gradients(&dy);
        [x, gamma]
    }
}

impl Saved<3> for Rows {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 3]) -> [Option<FlexTensor>; 3] {
        self.all_gradients(&dy)
    }
}
