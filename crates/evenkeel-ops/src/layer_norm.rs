//! Normalization of each row by itself.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layer_norm::LayerNorm;
use evenkeel_kernels::memory::Numbers;

use crate::memory::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `y = γ (x − μ)/√(v + ε) + β` with mean and biased variance of each row, which is what lies along the last
    /// axis. Without `β` the mean counts as zero.
    ///
    /// # Panics
    /// When the shapes do not fit each other.
    pub fn layer_norm<const D: usize>(
        &self,
        x: Tensor<D>,
        gamma: Tensor<1>,
        beta: Option<Tensor<1>>,
        epsilon: f64,
    ) -> Tensor<D> {
        let features = x.dims()[D - 1];
        let sizes = [Some(&gamma), beta.as_ref()].map(|of| of.map_or(features, |of| of.dims()[0]));
        assert_eq!(sizes, [features; 2], "parameters against features");
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
        let mut y = self.workers.memory().numbers(count);
        let mut moments = self.workers.memory().numbers(count / features.max(1) * 2);
        let length = moments.len();
        let norm = LayerNorm {
            gamma: slice(&gamma),
            beta: beta.as_ref().map(slice),
            epsilon,
        };
        norm.forward(&self.workers, slice(&x), &mut y, &mut moments);
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
    /// Gradients of `x`, `γ` and `β`.
    fn three(&self, dy: &FlexTensor) -> [Option<FlexTensor>; 3] {
        let workers = &self.kernels.workers;
        let norm = LayerNorm {
            gamma: slice(&self.gamma),
            beta: self.beta.as_ref().map(slice),
            epsilon: self.epsilon,
        };
        let features = norm.gamma.len();
        let mut dx = workers.memory().numbers(slice(dy).len());
        let mut sums = workers.memory().numbers(2 * features);
        let given = [slice(&self.x), slice(dy), slice(&self.moments)];
        norm.backward(workers, given, &mut dx, &mut sums);
        let half = |half: &[f32]| {
            let mut numbers: Numbers = workers.memory().numbers(features);
            numbers.copy_from_slice(half);
            Some(tensor(numbers, [features]))
        };
        let (gamma, beta) = sums.split_at(features);
        let shape = self.x.layout().shape().clone();
        [Some(tensor(dx, shape)), half(gamma), half(beta)]
    }
}

impl Saved<2> for Rows {
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let [x, gamma, _] = self.three(&dy);
        [x, gamma]
    }
}

impl Saved<3> for Rows {
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        self.three(&dy)
    }
}
