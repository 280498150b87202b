//! Linear layers: `y = x W + b` with `x` of `[rows, inputs]` and `W` of `[inputs, outputs]`.

use crate::lattice::{Lattice, Segment};
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::weight_gradient::WeightGradient;
use crate::workers::Workers;

/// Rows that one piece of work has at most.
const ROWS: usize = 384;

/// Pieces that few rows are cut into, so that there is work for all.
const PIECES: usize = 8;

/// Sizes of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear {
    /// Rows of `x` and `y`.
    pub rows: usize,
    /// Columns of `x`, rows of `W`.
    pub inputs: usize,
    /// Columns of `W` and `y`.
    pub outputs: usize,
}

impl Linear {
    /// `y`.
    pub fn forward(
        &self,
        workers: &Workers,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        y: &mut [f32],
    ) {
        let rows: Vec<usize> = (0..self.inputs).map(|k| k * self.outputs).collect();
        let matrix = Panels::new(workers, w, &rows, self.outputs, 1, widest());
        multiply(workers, x, &matrix, bias, y);
    }

    /// The gradient of `x`.
    pub fn input_gradient(&self, workers: &Workers, dy: &[f32], w: &[f32], dx: &mut [f32]) {
        let rows: Vec<usize> = (0..self.outputs).collect();
        let matrix = Panels::new(workers, w, &rows, self.inputs, self.outputs, widest());
        multiply(workers, dy, &matrix, None, dx);
    }

    /// The gradient of `W`.
    pub fn weight_gradient(&self, workers: &Workers, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        WeightGradient::new(*self).compute(workers, x, dy, dw);
    }
}

/// `output = input · matrix + bias`.
fn multiply(
    workers: &Workers,
    input: &[f32],
    matrix: &Panels,
    bias: Option<&[f32]>,
    output: &mut [f32],
) {
    let segments = [Segment {
        offset: 0,
        length: matrix.depth,
    }];
    let rows = output.len() / matrix.columns.max(1);
    let share = ROWS.min(rows.div_ceil(PIECES).next_multiple_of(12)).max(1);
    workers.chunks(output, share * matrix.columns, |piece, output| {
        Product {
            input: &input[piece * share * matrix.depth..],
            from: Lattice::line(0, matrix.depth),
            segments: &segments,
            matrix,
            bias,
            rows: output.len() / matrix.columns,
            output,
            to: Lattice::line(0, matrix.columns),
        }
        .compute();
    });
}
