//! A linear layer fused with the batch normalization and ReLU that follow it, for batches of few
//! rows.
//!
//! Activations are stored feature by feature, `[features, rows]`. The statistics of a feature are
//! then those of one contiguous row, weights and activations are multiplied without packing, and a
//! task is a contiguous range of features. Only errors are transposed, for the gradient of the
//! weight.

mod feature_norm;

use crate::gemm::matmul::{Factors, Order, PREFETCH_DISTANCE, Rows, RowsMut, multiply};
use crate::gemm::transpose::transpose;
use crate::layers::batch_norm::{Moments, ParameterGradients, inverse_deviation};
use crate::layers::linear::Linear;
use crate::norms::{Granularity, Norms, Parts};
use crate::simd::prefetch::prefetch;
use crate::threads::{PooledBuffer, ThreadPool};
use feature_norm::Feature;

/// The most rows for which the data of a task stays in the cache.
const MAX_ROWS: usize = 512;

/// Features in a task: two of the widest vectors, and as many as a product prefetches.
const BLOCK: usize = PREFETCH_DISTANCE;

/// Inputs whose weight gradients are computed together.
const STRIP: usize = 12;

/// `y = relu(γ (z − μ)/√(v + ε) + β)` with `z = x W`.
#[derive(Debug, Clone, Copy)]
pub struct LinearBatchNorm {
    /// The linear layer; it has no bias.
    pub layer: Linear,
    /// `ε` under the root.
    pub epsilon: f32,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// What the forward pass saves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    /// Mean and variance of each feature of `z`.
    pub moments: Moments,
    /// `1/√(v + ε)` of each feature.
    scale: Vec<f32>,
    /// `z`, `[outputs, rows]`.
    z: PooledBuffer,
}

/// The inputs of the layer.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Activations, `[inputs, rows]`.
    pub x: &'a [f32],
    /// Weight, `[inputs, outputs]`.
    pub w: &'a [f32],
    /// Gain `γ` of each output.
    pub gamma: &'a [f32],
    /// Shift `β` of each output.
    pub beta: &'a [f32],
}

/// Where to write gradients, and which norms to take.
#[derive(Debug)]
pub struct RequestedGradients<'a> {
    /// The gradient of `W`, `[inputs, outputs]`.
    pub w: &'a mut [f32],
    /// The gradient of `x`, `[inputs, rows]`, if requested.
    pub x: Option<&'a mut [f32]>,
    /// The granularity of norms of `W` and its gradient, if requested.
    pub norms: Option<Granularity>,
}

/// The other results of the backward pass.
#[derive(Debug)]
pub struct Gradients {
    /// The gradients of `γ` and `β`.
    pub parameters: ParameterGradients,
    /// `[‖W‖², ‖∇W‖², ⟨W, ∇W⟩]` at the requested granularity, summed while both are in the cache.
    pub norms: Option<Norms>,
}

impl LinearBatchNorm {
    /// The fused layer; `None` if the batch has too many rows or the layer is empty.
    pub fn new(layer: Linear, epsilon: f32, relu: bool) -> Option<Self> {
        let fits = (1..=MAX_ROWS).contains(&layer.rows) && layer.inputs.min(layer.outputs) > 0;
        fits.then_some(Self {
            layer,
            epsilon,
            relu,
        })
    }

    /// Statistics and parameters of the features of a task.
    fn features(&self, inputs: &Inputs, task: usize, mean: &[f32], scale: &[f32]) -> Vec<Feature> {
        let first = task * BLOCK;
        let learned = inputs.gamma[first..].iter().zip(&inputs.beta[first..]);
        let of_batch = mean.iter().zip(scale);
        let feature = |((mean, scale), (gamma, beta)): ((&f32, &f32), (&f32, &f32))| Feature {
            mean: *mean,
            scale: *scale,
            gamma: *gamma,
            beta: *beta,
            relu: self.relu,
        };
        of_batch.zip(learned).map(feature).collect()
    }

    /// Writes `y`, `[outputs, rows]`.
    ///
    /// # Panics
    /// When a slice has the wrong size.
    pub fn forward(&self, pool: &ThreadPool, inputs: Inputs, y: &mut [f32]) -> Saved {
        let Linear {
            rows,
            inputs: depth,
            outputs,
        } = self.layer;
        let mut z = pool.buffers().take(rows * outputs);
        let [mut mean, mut variance, mut scale] = [(); 3].map(|()| vec![0.0; outputs]);
        let of_features = (mean.chunks_mut(BLOCK))
            .zip(variance.chunks_mut(BLOCK))
            .zip(scale.chunks_mut(BLOCK));
        let tasks = (z.chunks_mut(rows * BLOCK))
            .zip(y.chunks_mut(rows * BLOCK))
            .zip(of_features);
        pool.for_each(
            tasks.enumerate(),
            |(task, ((z, y), ((mean, variance), scale)))| {
                let w = Factors {
                    numbers: &inputs.w[task * BLOCK..],
                    order: Order::ColumnMajor,
                    stride: outputs,
                };
                let count = mean.len();
                multiply(w, contiguous(inputs.x, rows), depth, into(z, rows, count));
                feature_norm::moments(z, mean, variance);
                for (scale, variance) in scale.iter_mut().zip(variance) {
                    *scale = inverse_deviation(*variance, self.epsilon);
                }
                feature_norm::forward(&self.features(&inputs, task, mean, scale), z, y);
            },
        );
        let moments = Moments {
            rows,
            mean,
            variance,
        };
        Saved { moments, scale, z }
    }

    /// Computes the requested gradients, given the gradient `dy` of `y`, `[outputs, rows]`.
    ///
    /// # Panics
    /// When a slice has the wrong size.
    pub fn backward(
        &self,
        pool: &ThreadPool,
        inputs: Inputs,
        saved: &Saved,
        dy: &[f32],
        requested: RequestedGradients,
    ) -> Gradients {
        let Linear { rows, outputs, .. } = self.layer;
        let [mut dz, mut transposed] = [(); 2].map(|()| pool.buffers().take(rows * outputs));
        let parameters = self.errors(pool, inputs, saved, dy, &mut dz, &mut transposed);
        let norms = self.gradients(pool, inputs, [&dz, &transposed], requested);
        Gradients { parameters, norms }
    }

    /// Writes the gradient of `z` feature by feature to `dz`, and as one matrix `[rows, features]`
    /// for each task to `transposed`.
    fn errors(
        &self,
        pool: &ThreadPool,
        inputs: Inputs,
        saved: &Saved,
        dy: &[f32],
        dz: &mut [f32],
        transposed: &mut [f32],
    ) -> ParameterGradients {
        let Linear { rows, outputs, .. } = self.layer;
        let [mut beta, mut gamma] = [(); 2].map(|()| vec![0.0; outputs]);
        let of_features = beta.chunks_mut(BLOCK).zip(gamma.chunks_mut(BLOCK));
        let tasks = (dz.chunks_mut(rows * BLOCK))
            .zip(transposed.chunks_mut(rows * BLOCK))
            .zip(of_features);
        pool.for_each(
            tasks.enumerate(),
            |(task, ((dz, transposed), (beta, gamma)))| {
                let first = task * BLOCK;
                let features = first..first + beta.len();
                let own = rows * features.start..rows * features.end;
                let mean = &saved.moments.mean[features.clone()];
                let features = self.features(&inputs, task, mean, &saved.scale[features]);
                let inputs = [&dy[own.clone()], &saved.z[own]];
                feature_norm::backward(&features, inputs, dz, [beta, gamma]);
                transpose(dz, rows, transposed);
            },
        );
        ParameterGradients { beta, gamma }
    }

    /// Writes the gradients of `W` and `x`, a block of inputs in each task, and returns the
    /// requested norms.
    fn gradients(
        &self,
        pool: &ThreadPool,
        inputs: Inputs,
        [dz, transposed]: [&[f32]; 2],
        requested: RequestedGradients,
    ) -> Option<Norms> {
        let Linear {
            rows,
            inputs: depth,
            outputs,
        } = self.layer;
        let tasks = depth.div_ceil(BLOCK);
        let buffers = pool.buffers();
        let mut norms =
            (requested.norms).map(|granularity| Parts::new(buffers, granularity, outputs, tasks));
        let mut of_tasks = norms.as_mut().map(Parts::parts);
        let mut dx: Vec<Option<&mut [f32]>> = match requested.x {
            Some(dx) => dx.chunks_mut(rows * BLOCK).map(Some).collect(),
            None => (0..tasks).map(|_| None).collect(),
        };
        let tasks = (inputs.w.chunks(BLOCK * outputs))
            .zip(inputs.x.chunks(BLOCK * rows))
            .zip(requested.w.chunks_mut(BLOCK * outputs))
            .zip(dx.iter_mut())
            .map(move |task| (task, of_tasks.as_mut().and_then(Iterator::next)));
        pool.for_each(tasks, |((((w, x), dw), dx), mut norms)| {
            for (index, x) in x.chunks(STRIP * rows).enumerate() {
                let strip = index * STRIP..index * STRIP + x.len() / rows;
                for (block, errors) in transposed.chunks(BLOCK * rows).enumerate() {
                    let columns = block * BLOCK..block * BLOCK + errors.len() / rows;
                    // `W` is read for norms, and number by number for the gradient of `x`.
                    for row in strip.clone() {
                        let own = row * outputs + columns.start..row * outputs + columns.end;
                        prefetch(&w[own.clone()]);
                        prefetch(&dw[own]);
                    }
                    let c = &mut dw[strip.start * outputs + columns.start..];
                    let c = into(c, outputs, strip.len());
                    let errors = contiguous(errors, columns.len());
                    multiply(row_major(x, rows), errors, rows, c);
                    // Now, while `W` and its gradient are in the cache.
                    if let Some(norms) = &mut norms {
                        norms.add(w, dw, strip.clone(), columns);
                    }
                }
            }
            if let Some(dx) = dx {
                let count = w.len() / outputs;
                let w = row_major(w, outputs);
                multiply(w, contiguous(dz, rows), outputs, into(dx, rows, count));
            }
        });
        norms.map(|norms| norms.total(buffers))
    }
}

/// A right operand without gaps between rows.
fn contiguous(numbers: &[f32], width: usize) -> Rows<'_> {
    Rows {
        numbers,
        stride: width,
        width,
    }
}

/// A left operand without gaps between rows.
fn row_major(numbers: &[f32], width: usize) -> Factors<'_> {
    Factors {
        numbers,
        order: Order::RowMajor,
        stride: width,
    }
}

/// A result of `count` rows.
fn into(numbers: &mut [f32], stride: usize, count: usize) -> RowsMut<'_> {
    RowsMut {
        numbers,
        stride,
        count,
    }
}
