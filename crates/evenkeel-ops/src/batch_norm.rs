//! Batch normalization with an optional residual and ReLU.

use burn::backend::Flex;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::batch_norm::{Moments, Normalize};

use crate::arguments::{Norm, Normalized};
use crate::buffer::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `y = γ (z − μ)/√(v + ε) + β` with the mean and biased variance of each feature, the last
    /// axis, over all other axes; then the sum with `residual` and a ReLU, if requested.
    ///
    /// # Panics
    /// When shapes do not match.
    pub fn batch_norm<const D: usize>(&self, z: Tensor<D>, norm: Norm<D>) -> Normalized<D> {
        let [gamma, beta] = [&norm.gamma, &norm.beta].map(Operand::of);
        let residual = norm.residual.as_ref().map(Operand::of);
        let operands = all([Operand::of(&z), gamma, beta]);
        let mut moments = Moments::default();
        let y = match (operands, residual) {
            (Some(operands), None) => record(operands, |[z, gamma, beta]| {
                self.normalize(&norm, z, gamma, beta, None, &mut moments)
            }),
            (Some([z, gamma, beta]), Some(Some(residual))) => {
                record([z, gamma, beta, residual], |[z, gamma, beta, residual]| {
                    self.normalize(&norm, z, gamma, beta, Some(residual), &mut moments)
                })
            }
            _ => return reference::batch_norm(z, norm),
        };
        self.normalized(y, &moments)
    }

    pub(crate) fn normalized<const D: usize>(
        &self,
        y: Tensor<D>,
        moments: &Moments,
    ) -> Normalized<D> {
        Normalized {
            y,
            mean: Tensor::from_primitive::<Flex>(self.of_features(&moments.mean)),
            variance: Tensor::from_primitive::<Flex>(self.of_features(&moments.variance)),
        }
    }

    /// A tensor with one number for each feature.
    pub(crate) fn of_features(&self, numbers: &[f32]) -> FlexTensor {
        let mut copy = self.pool.buffers().take(numbers.len());
        copy.copy_from_slice(numbers);
        tensor(copy, [numbers.len()])
    }

    fn normalize<const D: usize>(
        &self,
        norm: &Norm<D>,
        z: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        residual: Option<FlexTensor>,
        moments: &mut Moments,
    ) -> (FlexTensor, Standardized) {
        *moments = Moments::over(&self.pool, slice(&z), slice(&gamma).len());
        let mut saved = Standardized {
            kernels: self.clone(),
            scale: moments.inverse_deviations(norm.epsilon as f32),
            mean: moments.mean.clone(),
            relu: norm.relu,
            y: None,
            z,
            gamma,
            beta,
        };
        let mut y = self.pool.buffers().take(slice(&saved.z).len());
        let residual = residual.as_ref().map(slice);
        saved
            .norm()
            .forward(&self.pool, slice(&saved.z), residual, &mut y);
        let y = tensor(y, saved.z.layout().shape().clone());
        saved.y = residual.map(|_| y.clone());
        (y, saved)
    }
}

#[derive(Debug, Clone)]
struct Standardized {
    kernels: Kernels,
    mean: Vec<f32>,
    scale: Vec<f32>,
    relu: bool,
    gamma: FlexTensor,
    beta: FlexTensor,
    z: FlexTensor,
    /// The output, if the mask of the ReLU cannot be recomputed from `z`.
    y: Option<FlexTensor>,
}

impl Standardized {
    fn norm(&self) -> Normalize<'_> {
        Normalize {
            mean: &self.mean,
            scale: &self.scale,
            gamma: slice(&self.gamma),
            beta: slice(&self.beta),
            relu: self.relu,
        }
    }

    /// The gradients of `z`, `γ` and `β`; writes that of the residual to `dr`.
    fn common_gradients(&self, dy: &FlexTensor, dr: Option<&mut [f32]>) -> [Option<FlexTensor>; 3] {
        let pool = &self.kernels.pool;
        let mut dz = pool.buffers().take(slice(dy).len());
        let (z, y) = (slice(&self.z), self.y.as_ref().map(slice));
        let norm = self.norm();
        let sums = norm.backward(pool, slice(dy), z, y, &mut dz, dr);
        let dz = tensor(dz, self.z.layout().shape().clone());
        let [gamma, beta] = [&sums.gamma, &sums.beta].map(|sums| self.kernels.of_features(sums));
        [Some(dz), Some(gamma), Some(beta)]
    }
}

impl Saved<3> for Standardized {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 3]) -> [Option<FlexTensor>; 3] {
        self.common_gradients(&dy, None)
    }
}

impl Saved<4> for Standardized {
    fn gradients(self, dy: FlexTensor, requested: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let (dr, [dz, dgamma, dbeta]) = match self.relu {
            true => {
                let mut dr = self.kernels.pool.buffers().take(slice(&dy).len());
                let common = self.common_gradients(&dy, Some(&mut dr));
                (tensor(dr, self.z.layout().shape().clone()), common)
            }
            false => {
                let common = self.common_gradients(&dy, None);
                (dy, common)
            }
        };
        [dz, dgamma, dbeta, requested[3].then_some(dr)]
    }
}
