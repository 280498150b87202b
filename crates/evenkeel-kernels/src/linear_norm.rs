//! A linear layer with the batch normalization and the ReLU behind it, for batches of few rows.
//!
//! A piece of work has some features and all rows: the statistics of its products are known as soon as these are,
//! which are normalized while they are in the cache. Backwards it has the errors of its features, and thus its
//! columns of the gradient of the weights.

use std::ops::Range;

use crate::batch_norm::{Moments, Normalize, Sums};
use crate::correlation::Correlation;
use crate::lattice::{Lattice, Segment};
use crate::linear::Linear;
use crate::memory::Numbers;
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::workers::Workers;

/// Rows up to which the products of a piece stay in the cache.
const ROWS: usize = 512;

/// Pieces that there should be at least.
const PIECES: usize = 8;

/// A linear layer without bias, `y = ⌈γ (z − μ)/√(v + ε) + β⌉₊` of `z = x W`.
#[derive(Debug, Clone, Copy)]
pub struct LinearNorm {
    /// The layer.
    pub layer: Linear,
    /// `ε`.
    pub epsilon: f32,
    /// Whether what is negative becomes zero.
    pub relu: bool,
    /// Features of a piece of work.
    block: usize,
}

/// What is needed of the way forward on the way back.
#[derive(Debug)]
pub struct Standardized {
    /// Mean and variance of `z`.
    pub moments: Moments,
    /// `1/√(v + ε)`.
    scale: Vec<f32>,
    /// The products of each piece, row by row.
    z: Numbers,
}

/// What there is to compute with.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// `[rows, inputs]`.
    pub x: &'a [f32],
    /// `[inputs, outputs]`.
    pub w: &'a [f32],
    /// `γ`.
    pub gamma: &'a [f32],
    /// `β`.
    pub beta: &'a [f32],
}

impl LinearNorm {
    /// None where the rows are too many for it or the features cannot be shared out.
    pub fn new(layer: Linear, epsilon: f32, relu: bool) -> Option<Self> {
        let fits = |block: &usize| layer.outputs.is_multiple_of(*block);
        let many = |block: &usize| layer.outputs >= PIECES * block;
        let blocks = || [64, 32, 16].into_iter().filter(fits);
        let block = blocks().find(many).or(blocks().next_back())?;
        (1..=ROWS).contains(&layer.rows).then_some(Self {
            layer,
            epsilon,
            relu,
            block,
        })
    }

    fn features(&self, piece: usize) -> Range<usize> {
        piece * self.block..(piece + 1) * self.block
    }

    /// `y`.
    ///
    /// # Panics
    /// When anything is not as large as the layer says.
    pub fn forward(&self, workers: &Workers, given: Given, y: &mut [f32]) -> Standardized {
        let Linear { rows, outputs, .. } = self.layer;
        let mut z = workers.memory().numbers(rows * outputs);
        let mut moments = Moments {
            rows,
            mean: vec![0.0; outputs],
            variance: vec![0.0; outputs],
        };
        let mut scale = vec![0.0; outputs];
        let of_features = moments
            .mean
            .chunks_mut(self.block)
            .zip(moments.variance.chunks_mut(self.block))
            .zip(scale.chunks_mut(self.block));
        let pieces = (z.chunks_exact_mut(rows * self.block))
            .zip(by_columns(y, outputs, self.block))
            .zip(of_features);
        let alone = workers.alone();
        workers.each(
            pieces.enumerate(),
            |(piece, ((z, y), ((mean, variance), scale)))| {
                self.products(&alone, given, piece, z);
                let own = Moments::of(z, self.block);
                mean.copy_from_slice(&own.mean);
                variance.copy_from_slice(&own.variance);
                scale.copy_from_slice(&own.scales(self.epsilon));
                let mut normalized = alone.memory().numbers(z.len());
                self.norm(given, piece, mean, scale)
                    .forward(&alone, z, None, &mut normalized);
                copy_rows(&normalized, y);
            },
        );
        Standardized { moments, scale, z }
    }

    /// The products of one piece.
    fn products(&self, alone: &Workers, given: Given, piece: usize, z: &mut [f32]) {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let starts: Vec<usize> = (0..inputs).map(|k| k * outputs).collect();
        let first = self.features(piece).start;
        let matrix = Panels::new(alone, &given.w[first..], &starts, self.block, 1, widest());
        Product {
            input: given.x,
            from: Lattice::line(0, inputs),
            segments: &[all(inputs)],
            matrix: &matrix,
            bias: None,
            output: z,
            to: Lattice::line(0, self.block),
            rows,
        }
        .compute();
    }

    fn norm<'a>(
        &self,
        given: Given<'a>,
        piece: usize,
        mean: &'a [f32],
        scale: &'a [f32],
    ) -> Normalize<'a> {
        Normalize {
            mean,
            scale,
            gamma: &given.gamma[self.features(piece)],
            beta: &given.beta[self.features(piece)],
            relu: self.relu,
        }
    }

    /// The gradients of `γ` and `β`, of `W` in `dw` and, if there is room for it, of `x` in `dx`.
    ///
    /// # Panics
    /// When anything is not as large as the layer says.
    pub fn backward(
        &self,
        workers: &Workers,
        given: Given,
        saved: &Standardized,
        dy: &[f32],
        dw: &mut [f32],
        dx: Option<&mut [f32]>,
    ) -> Sums {
        let Linear { rows, outputs, .. } = self.layer;
        let mut sums = Sums {
            beta: vec![0.0; outputs],
            gamma: vec![0.0; outputs],
        };
        let mut dz = workers.memory().numbers(rows * outputs);
        let of_features = (sums.beta.chunks_mut(self.block)).zip(sums.gamma.chunks_mut(self.block));
        let pieces = (dz.chunks_exact_mut(rows * self.block))
            .zip(by_columns(dw, outputs, self.block))
            .zip(of_features);
        let alone = workers.alone();
        workers.each(pieces.enumerate(), |(piece, ((dz, dw), (beta, gamma)))| {
            let own = self.errors(&alone, given, saved, piece, dy, dz);
            beta.copy_from_slice(&own.beta);
            gamma.copy_from_slice(&own.gamma);
            copy_rows(&self.weight_gradient(&alone, given.x, dz), dw);
        });
        if let Some(dx) = dx {
            self.input_gradient(workers, given.w, &dz, dx);
        }
        sums
    }

    /// The gradients of the products of one piece.
    fn errors(
        &self,
        alone: &Workers,
        given: Given,
        saved: &Standardized,
        piece: usize,
        dy: &[f32],
        dz: &mut [f32],
    ) -> Sums {
        let features = self.features(piece);
        let mut own = alone.memory().numbers(dz.len());
        let rows = dy.chunks_exact(self.layer.outputs);
        for (own, dy) in own.chunks_exact_mut(self.block).zip(rows) {
            own.copy_from_slice(&dy[features.clone()]);
        }
        let mean = &saved.moments.mean[features.clone()];
        let z = &saved.z[piece * dz.len()..][..dz.len()];
        let norm = self.norm(given, piece, mean, &saved.scale[features]);
        norm.backward(alone, &own, z, None, dz)
    }

    /// The columns of the gradient of the weights that belong to one piece.
    fn weight_gradient(&self, alone: &Workers, x: &[f32], dz: &[f32]) -> Numbers {
        let Linear { rows, inputs, .. } = self.layer;
        let mut dw = alone.memory().zeros(inputs * self.block);
        Correlation {
            input: x,
            from: Lattice::line(0, inputs),
            segments: &[all(inputs)],
            errors: dz,
            at: Lattice::line(0, self.block),
            rows,
            columns: self.block,
            sums: &mut dw,
        }
        .accumulate();
        dw
    }

    /// The gradient of `x`, some inputs a piece.
    fn input_gradient(&self, workers: &Workers, w: &[f32], dz: &[f32], dx: &mut [f32]) {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let columns: Vec<usize> = (0..outputs).collect();
        // What a row needs lies in the pieces of all features.
        let of_piece = |piece: usize| Segment {
            offset: piece * rows * self.block,
            length: self.block,
        };
        let segments: Vec<Segment> = (0..outputs / self.block).map(of_piece).collect();
        let alone = workers.alone();
        let pieces = by_columns(dx, inputs, self.block);
        workers.each(pieces.into_iter().enumerate(), |(piece, dx)| {
            let first = piece * self.block;
            let width = self.block.min(inputs - first);
            let w = &w[first * outputs..];
            let matrix = Panels::new(&alone, w, &columns, width, outputs, widest());
            let mut own = alone.memory().numbers(rows * width);
            Product {
                input: dz,
                from: Lattice::line(0, self.block),
                segments: &segments,
                matrix: &matrix,
                bias: None,
                output: &mut own,
                to: Lattice::line(0, width),
                rows,
            }
            .compute();
            copy_rows(&own, dx);
        });
    }
}

/// All numbers of a row.
fn all(length: usize) -> Segment {
    Segment { offset: 0, length }
}

/// A matrix by pieces of `block` columns, each as its rows.
fn by_columns(matrix: &mut [f32], columns: usize, block: usize) -> Vec<Vec<&mut [f32]>> {
    let rows = matrix.len() / columns;
    let mut pieces: Vec<Vec<&mut [f32]>> = Vec::new();
    pieces.resize_with(columns.div_ceil(block), || Vec::with_capacity(rows));
    for row in matrix.chunks_exact_mut(columns) {
        for (piece, part) in pieces.iter_mut().zip(row.chunks_mut(block)) {
            piece.push(part);
        }
    }
    pieces
}

/// Copies rows that lie one after the other to where they belong.
fn copy_rows(from: &[f32], to: Vec<&mut [f32]>) {
    let mut rest = from;
    for row in to {
        let own;
        (own, rest) = rest.split_at(row.len());
        row.copy_from_slice(own);
    }
}
