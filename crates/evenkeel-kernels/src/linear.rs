//! Linear layers: `y = x W + b` with `x` of `[rows, inputs]` and `W` of `[inputs, outputs]`.

use crate::correlation::Correlation;
use crate::lattice::{Lattice, Segment};
use crate::memory::Numbers;
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::workers::Workers;

/// Rows that one piece of work has at most.
const ROWS: usize = 384;

/// Pieces that a gradient is cut into where the rows are few, so that there is work for all.
const PIECES: usize = 8;

/// Inputs that a gradient is cut at multiples of: as the kernel takes them.
const TILE: usize = 24;

/// Rows whose gradients are summed before they are added to those of others.
const BLOCK: usize = 128;

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
        // Each piece has some inputs and all rows where there is enough of that for all, and no sums to add up
        // at the end. Otherwise it has all inputs and some rows.
        if self.rows <= ROWS || self.inputs >= PIECES * TILE {
            let inputs = self.inputs.div_ceil(PIECES).next_multiple_of(TILE);
            return workers.chunks(dw, inputs * self.outputs, |piece, sums| {
                sums.fill(0.0);
                self.correlate(x, dy, 0..self.rows, piece * inputs, sums);
            });
        }
        let share = self.rows.div_ceil(PIECES).next_multiple_of(BLOCK);
        let parts = workers.map(self.rows.div_ceil(share), |piece| {
            let mut sums = workers.memory().zeros(self.inputs * self.outputs);
            let rows = piece * share..((piece + 1) * share).min(self.rows);
            self.correlate(x, dy, rows, 0, &mut sums);
            sums
        });
        add_up(workers, &parts, dw);
    }

    /// Adds what some rows make of the inputs from `first` on, as many as there are sums.
    fn correlate(
        &self,
        x: &[f32],
        dy: &[f32],
        rows: std::ops::Range<usize>,
        first: usize,
        sums: &mut [f32],
    ) {
        let inputs = Segment {
            offset: first,
            length: sums.len() / self.outputs.max(1),
        };
        for start in rows.clone().step_by(BLOCK) {
            let count = BLOCK.min(rows.end - start);
            Correlation {
                input: &x[start * self.inputs..],
                from: Lattice::line(0, self.inputs),
                segments: &[inputs],
                errors: &dy[start * self.outputs..],
                at: Lattice::line(0, self.outputs),
                rows: count,
                columns: self.outputs,
                sums,
            }
            .accumulate();
        }
    }
}

/// `sum` of the parts, in their order.
pub(crate) fn add_up(workers: &Workers, parts: &[Numbers], sum: &mut [f32]) {
    let length = sum.len().div_ceil(PIECES).max(4096);
    workers.chunks(sum, length, |piece, sum| {
        sum.fill(0.0);
        for part in parts {
            let part = &part[piece * length..][..sum.len()];
            sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
    });
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
