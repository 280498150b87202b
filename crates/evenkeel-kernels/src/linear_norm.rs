//! A linear layer with the batch normalization and the ReLU behind it, for batches of few rows.
//!
//! Features come first here: the examples of a feature lie side by side. Its statistics are then those of one
//! row, weights and activations are multiplied where they lie, and a piece of work is some features in one
//! run of memory. Only errors are turned, for the gradient of the weights.

use crate::ahead::ask_for;
use crate::batch_norm::{self, Moments, Sums};
use crate::feature_norm::{self, Feature, moments};
use crate::linear::Linear;
use crate::matmul::{AHEAD, Factors, Order, Rows, RowsMut, multiply};
use crate::memory::Numbers;
use crate::norms::{Grain, Norms, Parts};
use crate::workers::Workers;

/// Rows up to which what a piece works on stays in the cache.
const ROWS: usize = 512;

/// Features of a piece of work: as many as two vectors hold, and as a product asks for ahead.
const BLOCK: usize = AHEAD;

/// Inputs whose gradients are computed at once.
const FEW: usize = 12;

/// A linear layer without bias, `y = ⌈γ (z − μ)/√(v + ε) + β⌉₊` of `z = x W`.
#[derive(Debug, Clone, Copy)]
pub struct LinearNorm {
    /// The layer.
    pub layer: Linear,
    /// `ε`.
    pub epsilon: f32,
    /// Whether what is negative becomes zero.
    pub relu: bool,
}

/// What is needed of the way forward on the way back.
#[derive(Debug)]
pub struct Standardized {
    /// Mean and variance of `z`.
    pub moments: Moments,
    /// `1/√(v + ε)`.
    scale: Vec<f32>,
    /// `[outputs, rows]`.
    z: Numbers,
}

/// What there is to compute with.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// `[inputs, rows]`.
    pub x: &'a [f32],
    /// `[inputs, outputs]`.
    pub w: &'a [f32],
    /// `γ`.
    pub gamma: &'a [f32],
    /// `β`.
    pub beta: &'a [f32],
}

/// Where gradients go to.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// That of `W`, `[inputs, outputs]`.
    pub w: &'a mut [f32],
    /// That of `x`, `[inputs, rows]`, if anybody wants it.
    pub x: Option<&'a mut [f32]>,
    /// Whether norms are wanted too, and of what.
    pub norms: Option<Grain>,
}

/// What else the way back yields.
#[derive(Debug)]
pub struct Yield {
    /// The gradients of `γ` and `β`.
    pub sums: Sums,
    /// `[‖W‖², ‖∇W‖², ⟨W, ∇W⟩]`, or those of the weights of each output, if wanted: both are in the cache.
    pub norms: Option<Norms>,
}

impl LinearNorm {
    /// None where the rows are too many for it, or there is nothing to do.
    pub fn new(layer: Linear, epsilon: f32, relu: bool) -> Option<Self> {
        let fits = (1..=ROWS).contains(&layer.rows) && layer.inputs.min(layer.outputs) > 0;
        fits.then_some(Self {
            layer,
            epsilon,
            relu,
        })
    }

    /// What is known of a piece's features.
    fn features(&self, given: &Given, piece: usize, mean: &[f32], scale: &[f32]) -> Vec<Feature> {
        let first = piece * BLOCK;
        let learned = given.gamma[first..].iter().zip(&given.beta[first..]);
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

    /// `y`, `[outputs, rows]`.
    ///
    /// # Panics
    /// When anything is not as large as the layer says.
    pub fn forward(&self, workers: &Workers, given: Given, y: &mut [f32]) -> Standardized {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let mut z = workers.memory().numbers(rows * outputs);
        let [mut mean, mut variance, mut scale] = [(); 3].map(|()| vec![0.0; outputs]);
        let of_features = (mean.chunks_mut(BLOCK))
            .zip(variance.chunks_mut(BLOCK))
            .zip(scale.chunks_mut(BLOCK));
        let pieces = (z.chunks_mut(rows * BLOCK))
            .zip(y.chunks_mut(rows * BLOCK))
            .zip(of_features);
        workers.each(
            pieces.enumerate(),
            |(piece, ((z, y), ((mean, variance), scale)))| {
                let w = Factors {
                    numbers: &given.w[piece * BLOCK..],
                    order: Order::Columns,
                    distance: outputs,
                };
                let count = mean.len();
                multiply(w, whole(given.x, rows), inputs, to(z, rows, count));
                moments(z, mean, variance);
                for (scale, variance) in scale.iter_mut().zip(variance) {
                    *scale = batch_norm::scale(*variance, self.epsilon);
                }
                feature_norm::forward(&self.features(&given, piece, mean, scale), z, y);
            },
        );
        let moments = Moments {
            rows,
            mean,
            variance,
        };
        Standardized { moments, scale, z }
    }

    /// The gradients, given that of `y`, `[outputs, rows]`.
    ///
    /// # Panics
    /// When anything is not as large as the layer says.
    pub fn backward(
        &self,
        workers: &Workers,
        given: Given,
        saved: &Standardized,
        dy: &[f32],
        wanted: Wanted,
    ) -> Yield {
        let Linear { rows, outputs, .. } = self.layer;
        let [mut dz, mut turned] = [(); 2].map(|()| workers.memory().numbers(rows * outputs));
        let sums = self.errors(workers, given, saved, dy, &mut dz, &mut turned);
        let norms = self.gradients(workers, given, [&dz, &turned], wanted);
        Yield { sums, norms }
    }

    /// The gradient of `z`: feature by feature, and turned around as one matrix `[rows, features]` a piece.
    fn errors(
        &self,
        workers: &Workers,
        given: Given,
        saved: &Standardized,
        dy: &[f32],
        dz: &mut [f32],
        turned: &mut [f32],
    ) -> Sums {
        let Linear { rows, outputs, .. } = self.layer;
        let [mut beta, mut gamma] = [(); 2].map(|()| vec![0.0; outputs]);
        let of_features = beta.chunks_mut(BLOCK).zip(gamma.chunks_mut(BLOCK));
        let pieces = (dz.chunks_mut(rows * BLOCK))
            .zip(turned.chunks_mut(rows * BLOCK))
            .zip(of_features);
        workers.each(
            pieces.enumerate(),
            |(piece, ((dz, turned), (beta, gamma)))| {
                let first = piece * BLOCK;
                let features = first..first + beta.len();
                let own = rows * features.start..rows * features.end;
                let mean = &saved.moments.mean[features.clone()];
                let features = self.features(&given, piece, mean, &saved.scale[features]);
                let given = [&dy[own.clone()], &saved.z[own]];
                feature_norm::backward(&features, given, dz, [beta, gamma]);
                turn(dz, rows, turned);
            },
        );
        Sums { beta, gamma }
    }

    /// The gradients of `W` and `x`, some inputs a piece.
    fn gradients(
        &self,
        workers: &Workers,
        given: Given,
        [dz, turned]: [&[f32]; 2],
        wanted: Wanted,
    ) -> Option<Norms> {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let pieces = inputs.div_ceil(BLOCK);
        let memory = workers.memory();
        let mut norms = (wanted.norms).map(|grain| Parts::new(memory, grain, outputs, pieces));
        let mut of_pieces = norms.as_mut().map(Parts::pieces);
        let mut dx: Vec<Option<&mut [f32]>> = match wanted.x {
            Some(dx) => dx.chunks_mut(rows * BLOCK).map(Some).collect(),
            None => (0..pieces).map(|_| None).collect(),
        };
        let parts = (given.w.chunks(BLOCK * outputs))
            .zip(given.x.chunks(BLOCK * rows))
            .zip(wanted.w.chunks_mut(BLOCK * outputs))
            .zip(dx.iter_mut())
            .map(move |part| (part, of_pieces.as_mut().and_then(Iterator::next)));
        workers.each(parts, |((((w, x), dw), dx), mut norms)| {
            for (index, x) in x.chunks(FEW * rows).enumerate() {
                let few = index * FEW..index * FEW + x.len() / rows;
                for (block, errors) in turned.chunks(BLOCK * rows).enumerate() {
                    let columns = block * BLOCK..block * BLOCK + errors.len() / rows;
                    // Of `W` for norms, and for the gradient of `x`, which reads them one by one.
                    for row in few.clone() {
                        let own = row * outputs + columns.start..row * outputs + columns.end;
                        ask_for(&w[own.clone()]);
                        ask_for(&dw[own]);
                    }
                    let c = &mut dw[few.start * outputs + columns.start..];
                    let c = to(c, outputs, few.len());
                    multiply(by_rows(x, rows), whole(errors, columns.len()), rows, c);
                    // While both are near.
                    if let Some(norms) = &mut norms {
                        norms.grow(w, dw, few.clone(), columns);
                    }
                }
            }
            if let Some(dx) = dx {
                let count = w.len() / outputs;
                let w = by_rows(w, outputs);
                multiply(w, whole(dz, rows), outputs, to(dx, rows, count));
            }
        });
        norms.map(|norms| norms.total(memory))
    }
}

/// A matrix of rows that lie one after the other.
fn whole(numbers: &[f32], width: usize) -> Rows<'_> {
    Rows {
        numbers,
        row: width,
        width,
    }
}

/// The same, read one by one.
fn by_rows(numbers: &[f32], width: usize) -> Factors<'_> {
    Factors {
        numbers,
        order: Order::Rows,
        distance: width,
    }
}

fn to(numbers: &mut [f32], row: usize, count: usize) -> RowsMut<'_> {
    RowsMut {
        numbers,
        row,
        count,
    }
}

/// A matrix of rows of `width`, turned around.
pub fn turn(matrix: &[f32], width: usize, turned: &mut [f32]) {
    let rows = matrix.len() / width.max(1);
    // By squares that stay in the cache.
    for first in (0..rows).step_by(16) {
        for column in (0..width).step_by(16) {
            for row in first..rows.min(first + 16) {
                let numbers = &matrix[row * width..][column..width.min(column + 16)];
                let places = turned[column * rows + row..].iter_mut().step_by(rows);
                places.zip(numbers).for_each(|(place, x)| *place = *x);
            }
        }
    }
}
