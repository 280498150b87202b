//! Linear layers, `y = x W + b` with `x` of `[rows, inputs]` and `W` of `[inputs, outputs]`, and
//! their gradients.

mod weight_gradient;

use crate::gemm::panels::Panels;
use crate::gemm::product::{Product, panel_width};
use crate::gemm::strided_rows::{Segment, StridedRows};
use crate::threads::ThreadPool;
use weight_gradient::WeightGradient;

/// The most rows in a task.
const MAX_TASK_ROWS: usize = 384;

/// The number of tasks for few rows, so that all threads have work.
const MIN_TASKS: usize = 8;

/// The shape of a linear layer.
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
    /// Writes the output `y`.
    pub fn forward(
        &self,
        pool: &ThreadPool,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        y: &mut [f32],
    ) {
        let rows: Vec<usize> = (0..self.inputs).map(|k| k * self.outputs).collect();
        let matrix = Panels::new(pool, w, &rows, self.outputs, 1, panel_width());
        multiply(pool, x, &matrix, bias, y);
    }

    /// Writes the gradient of `x`.
    pub fn input_gradient(&self, pool: &ThreadPool, dy: &[f32], w: &[f32], dx: &mut [f32]) {
        let rows: Vec<usize> = (0..self.outputs).collect();
        let matrix = Panels::new(pool, w, &rows, self.inputs, self.outputs, panel_width());
        multiply(pool, dy, &matrix, None, dx);
    }

    /// Writes the gradient of `W`.
    pub fn weight_gradient(&self, pool: &ThreadPool, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        WeightGradient::new(*self).compute(pool, x, dy, dw);
    }
}

/// Computes `output = input · matrix + bias`.
fn multiply(
    pool: &ThreadPool,
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
    let task_rows = MAX_TASK_ROWS
        .min(rows.div_ceil(MIN_TASKS).next_multiple_of(12))
        .max(1);
    pool.for_each_chunk(output, task_rows * matrix.columns, |task, output| {
        Product {
            input: &input[task * task_rows * matrix.depth..],
            from: StridedRows::evenly_spaced(0, matrix.depth),
            segments: &segments,
            matrix,
            bias,
            rows: output.len() / matrix.columns,
            output,
            to: StridedRows::evenly_spaced(0, matrix.columns),
        }
        .compute();
    });
}
