//! Batch normalization, with a sum and a ReLU behind it.

use burn::backend::Flex;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::batch_norm::{Moments, Normalize};

use crate::memory::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

/// What a batch normalization is given, besides its input.
#[derive(Debug, Clone)]
pub struct Norm<const D: usize> {
    /// Gain of each feature.
    pub gamma: Tensor<1>,
    /// Shift of each feature.
    pub beta: Tensor<1>,
    /// ε under the root.
    pub epsilon: f64,
    /// What is added to the result, of the same shape.
    pub residual: Option<Tensor<D>>,
    /// Whether what is then negative becomes zero.
    pub relu: bool,
}

/// The result of a batch normalization.
#[derive(Debug, Clone)]
pub struct Normalized<const D: usize> {
    /// What was normalized.
    pub y: Tensor<D>,
    /// Mean of each feature; part of no graph.
    pub mean: Tensor<1>,
    /// Biased variance of each feature; part of no graph.
    pub variance: Tensor<1>,
}

impl Kernels {
    /// `y = γ (z − μ)/√(v + ε) + β` with mean and biased variance of each feature over all axes but
    /// the last, which is that of features; then the sum with `residual` and ReLU, where asked for.
    ///
    /// # Panics
    /// When the shapes do not fit each other.
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

    /// A tensor of one number for each feature.
    pub(crate) fn of_features(&self, numbers: &[f32]) -> FlexTensor {
        let mut copy = self.workers.memory().numbers(numbers.len());
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
        *moments = Moments::over(&self.workers, slice(&z), slice(&gamma).len());
        let mut saved = Standardized {
            kernels: self.clone(),
            scale: moments.scales(norm.epsilon as f32),
            mean: moments.mean.clone(),
            relu: norm.relu,
            y: None,
            z,
            gamma,
            beta,
        };
        let mut y = self.workers.memory().numbers(slice(&saved.z).len());
        let residual = residual.as_ref().map(slice);
        saved
            .norm()
            .forward(&self.workers, slice(&saved.z), residual, &mut y);
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
    /// The output, where what ReLU let through is not known without it.
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

    /// Gradients of `z`, `γ` and `β`, and in `dr` that of the summand.
    fn three(&self, dy: &FlexTensor, dr: Option<&mut [f32]>) -> [Option<FlexTensor>; 3] {
        let workers = &self.kernels.workers;
        let mut dz = workers.memory().numbers(slice(dy).len());
        let (z, y) = (slice(&self.z), self.y.as_ref().map(slice));
        let norm = self.norm();
        let sums = norm.backward(workers, slice(dy), z, y, &mut dz, dr);
        let dz = tensor(dz, self.z.layout().shape().clone());
        let [gamma, beta] = [&sums.gamma, &sums.beta].map(|sums| self.kernels.of_features(sums));
        [Some(dz), Some(gamma), Some(beta)]
    }
}

impl Saved<3> for Standardized {
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        self.three(&dy, None)
    }
}

impl Saved<4> for Standardized {
    fn gradients(self, dy: FlexTensor, wanted: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let (dr, [dz, dgamma, dbeta]) = match self.relu {
            true => {
                let mut dr = self.kernels.workers.memory().numbers(slice(&dy).len());
                let three = self.three(&dy, Some(&mut dr));
                (tensor(dr, self.z.layout().shape().clone()), three)
            }
            false => {
                let three = self.three(&dy, None);
                (dy, three)
            }
        };
        [dz, dgamma, dbeta, wanted[3].then_some(dr)]
    }
}
