//! Batch normalization with an optional residual `r` and ReLU: `y = relu(γ (z − μ)/√(v + ε) + β +
//! r)` of rows `[rows, features]`, with the mean `μ` and biased variance `v` of each feature over
//! all rows.
//!
//! A task has as many rows as fit into the cache of one core. Results of tasks are combined in
//! order.

mod moments;
mod passes;

use pulp::Simd;

use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;
use passes::{Backward, Forward, Reduce};

pub use moments::Moments;
pub(super) use moments::inverse_deviation;

/// Approximate number of numbers in a task.
const TASK: usize = 16_384;

/// Numbers in a task of whole rows.
fn task_length(features: usize) -> usize {
    (TASK / features.max(1)).max(1) * features.max(1)
}

/// Statistics and parameters of each feature.
#[derive(Debug, Clone, Copy)]
pub struct Normalize<'a> {
    /// Mean `μ`.
    pub mean: &'a [f32],
    /// Inverse deviation `1/√(v + ε)`.
    pub scale: &'a [f32],
    /// Gain `γ`.
    pub gamma: &'a [f32],
    /// Shift `β`.
    pub beta: &'a [f32],
    /// Whether a ReLU follows.
    pub relu: bool,
}

impl Normalize<'_> {
    /// Writes `y` for the rows `z`, with the residual added if present.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn forward(&self, pool: &ThreadPool, z: &[f32], residual: Option<&[f32]>, y: &mut [f32]) {
        assert_eq!(z.len(), y.len());
        assert!(residual.is_none_or(|residual| residual.len() == z.len()));
        let length = task_length(self.mean.len());
        pool.for_each_chunk(y, length, |index, y| {
            let part = index * length..index * length + y.len();
            dispatch(Forward {
                norm: self,
                z: &z[part.clone()],
                residual: residual.map(|residual| &residual[part]),
                y,
            });
        });
    }

    /// Returns the gradients of `γ` and `β` and writes that of `z` to `dz`, given the gradient `dy`
    /// of `y`.
    ///
    /// The mask of the ReLU is recomputed from `z`; with a residual it needs the output `y`. The
    /// gradient of the residual, the masked `dy`, is written to `dr`.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn backward(
        &self,
        pool: &ThreadPool,
        dy: &[f32],
        z: &[f32],
        y: Option<&[f32]>,
        dz: &mut [f32],
        dr: Option<&mut [f32]>,
    ) -> ParameterGradients {
        assert!(dy.len() == z.len() && z.len() == dz.len());
        assert!(y.is_none_or(|y| y.len() == z.len()));
        assert!(dr.as_ref().is_none_or(|dr| dr.len() == z.len()));
        let length = task_length(self.mean.len());
        let reduce = |index: usize, dr: Option<&mut [f32]>| {
            let part = index * length..((index + 1) * length).min(z.len());
            let mut sums = ParameterGradients {
                beta: vec![0.0; self.mean.len()],
                gamma: vec![0.0; self.mean.len()],
            };
            dispatch(Reduce {
                norm: self,
                dy: &dy[part.clone()],
                z: &z[part.clone()],
                y: y.map(|y| &y[part]),
                dr,
                sums: &mut sums,
            });
            sums
        };
        match dr {
            None => {
                let sums = pool.map(z.len().div_ceil(length), |index| reduce(index, None));
                let sums = ParameterGradients::combined(&sums);
                self.input_gradient(pool, &sums, [dy, z], y, dz);
                sums
            }
            Some(dr) => {
                let sums = pool.map_chunks(dr, length, |index, dr| reduce(index, Some(dr)));
                let sums = ParameterGradients::combined(&sums);
                // `dr` is masked already.
                let norm = Normalize {
                    relu: false,
                    ..*self
                };
                norm.input_gradient(pool, &sums, [dr, z], None, dz);
                sums
            }
        }
    }

    /// Writes the gradient of `z`, given the gradients of the parameters.
    fn input_gradient(
        &self,
        pool: &ThreadPool,
        sums: &ParameterGradients,
        [dy, z]: [&[f32]; 2],
        y: Option<&[f32]>,
        dz: &mut [f32],
    ) {
        let length = task_length(self.mean.len());
        let inverse_rows = self.mean.len() as f32 / z.len().max(1) as f32;
        pool.for_each_chunk(dz, length, |index, dz| {
            let part = index * length..index * length + dz.len();
            dispatch(Backward {
                norm: self,
                sums,
                inverse_rows,
                dy: &dy[part.clone()],
                z: &z[part.clone()],
                y: y.map(|y| &y[part]),
                dz,
            });
        });
    }
}

/// Gradients of `β` and `γ`, with `g` the gradient before the ReLU.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterGradients {
    /// Of `β`: `Σ g`.
    pub beta: Vec<f32>,
    /// Of `γ`: `Σ g (z − μ)/√(v + ε)`.
    pub gamma: Vec<f32>,
}

impl ParameterGradients {
    /// Adds the sums of all tasks, in 64 bits and in order.
    fn combined(parts: &[Self]) -> Self {
        let features = parts.first().map_or(0, |part| part.beta.len());
        let sum =
            |of: &dyn Fn(&Self) -> f32| parts.iter().map(|part| f64::from(of(part))).sum::<f64>();
        Self {
            beta: (0..features)
                .map(|i| sum(&|part| part.beta[i]) as f32)
                .collect(),
            gamma: (0..features)
                .map(|i| sum(&|part| part.gamma[i]) as f32)
                .collect(),
        }
    }
}

/// The sum of four accumulators.
#[inline(always)]
fn sum_accumulators<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> S::f32s {
    simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))
}
