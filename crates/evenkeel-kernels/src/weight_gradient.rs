//! The gradient of a linear layer's weights: `xᵀ dy`, summed over rows.
//!
//! What is multiplied is first laid out in strips of a few columns. Where it lies, rows may be a power of two
//! apart, few of them then fit into the first cache, and each comes from far.

use std::ops::Range;

use crate::correlation::Correlation;
use crate::lattice::{Lattice, Segment};
use crate::linear::Linear;
use crate::memory::{Memory, Numbers};
use crate::panels::{cut, pad};
use crate::product::widest;
use crate::workers::Workers;

/// Pieces of work, if there is enough of it.
const PIECES: usize = 8;

/// Pieces that do.
const ENOUGH: usize = 6;

/// Inputs of a strip: as many as any of the kernels takes at a time, and the smallest multiple of that.
const TILE: usize = 24;

/// Rows laid out at a time: two strips of them stay in the first cache.
const BLOCK: usize = 128;

/// The gradient, cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightGradient {
    layer: Linear,
    /// Rows of a piece.
    rows: usize,
    /// Inputs of a piece.
    inputs: usize,
    /// Outputs of a piece.
    outputs: usize,
}

impl WeightGradient {
    /// Cut so that the least is copied.
    pub(crate) fn new(layer: Linear) -> Self {
        let cuts =
            (0..4).flat_map(|down| (0..4 - down).map(move |across| (1 << down, 1 << across)));
        let ways = cuts.map(|(down, across)| Self {
            layer,
            rows: layer.rows.div_ceil(PIECES / down / across).max(BLOCK / 2),
            inputs: layer.inputs.div_ceil(down).next_multiple_of(TILE),
            outputs: layer.outputs.div_ceil(across).next_multiple_of(widest()),
        });
        let Some(best) = ways.min_by_key(Self::cost) else {
            unreachable!("there are ten ways")
        };
        best
    }

    /// Pieces that rows, inputs and outputs are cut into.
    fn size(&self) -> [usize; 3] {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        [
            rows.div_ceil(self.rows),
            inputs.div_ceil(self.inputs.max(1)),
            outputs.div_ceil(self.outputs.max(1)),
        ]
    }

    /// Pieces that are missing, and numbers that are copied: inputs for each piece of outputs and the other way
    /// round, and sums for each piece of rows.
    fn cost(&self) -> (usize, usize) {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let [along, down, across] = self.size();
        let copied = rows * (inputs * across + outputs * down) + along * inputs * outputs;
        (ENOUGH.saturating_sub(along * down * across), copied)
    }

    /// Computes it.
    pub(crate) fn compute(&self, workers: &Workers, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let [along, down, across] = self.size();
        let parts = workers.map(along * down * across, |piece| {
            let rest = piece / across;
            self.sums(
                workers.memory(),
                x,
                dy,
                [rest % along, rest / along, piece % across],
            )
        });
        let length = self.inputs * self.layer.outputs;
        workers.chunks(dw, length, |down, dw| {
            let parts = &parts[down * along * across..][..along * across];
            self.put(parts, dw);
        });
    }

    /// The sums of a piece, strip by strip.
    fn sums(
        &self,
        memory: &Memory,
        x: &[f32],
        dy: &[f32],
        [along, down, across]: [usize; 3],
    ) -> Numbers {
        let layer = &self.layer;
        let inputs = self.inputs(down);
        let outputs = self.outputs(across);
        let mut sums = memory.zeros(inputs.columns() * outputs.columns());
        let mut input = memory.numbers(BLOCK * inputs.columns());
        let mut errors = memory.numbers(BLOCK * outputs.columns());
        let rows = part(layer.rows, self.rows, along);
        let block = rows.len().div_ceil(rows.len().div_ceil(BLOCK));
        for first in rows.clone().step_by(block) {
            let rows = first..rows.end.min(first + block);
            inputs.lay_out(x, layer.inputs, rows.clone(), &mut input);
            outputs.lay_out(dy, layer.outputs, rows.clone(), &mut errors);
            let mut sums = &mut sums[..];
            for (errors, columns) in outputs.each(&errors, rows.len()) {
                for (input, length) in inputs.each(&input, rows.len()) {
                    let (own, later) = sums.split_at_mut(length * columns);
                    Correlation {
                        input,
                        from: Lattice::line(0, length),
                        segments: &[Segment { offset: 0, length }],
                        errors,
                        at: Lattice::line(0, columns),
                        rows: rows.len(),
                        columns,
                        sums: own,
                    }
                    .accumulate();
                    sums = later;
                }
            }
        }
        sums
    }

    /// Inputs that a piece has, and one strip of what is left of them.
    fn inputs(&self, down: usize) -> Strips {
        let range = part(self.layer.inputs, self.inputs, down);
        let starts = (0..range.len()).step_by(TILE);
        let widths = starts.map(|start| (start, TILE.min(range.len() - start)));
        Strips {
            widths: widths.collect(),
            range,
        }
    }

    /// Outputs that a piece has.
    fn outputs(&self, across: usize) -> Strips {
        let range = part(self.layer.outputs, self.outputs, across);
        Strips {
            widths: cut(range.len(), widest()),
            range,
        }
    }

    /// Adds up the parts of some inputs, of which those of the same rows follow each other, in their order.
    fn put(&self, parts: &[Numbers], dw: &mut [f32]) {
        let [_, _, across] = self.size();
        let inputs = dw.len() / self.layer.outputs;
        dw.fill(0.0);
        for (piece, part) in parts.iter().enumerate() {
            let outputs = self.outputs(piece % across);
            let strips = outputs.widths.iter().zip(outputs.each(part, inputs));
            for (&(column, _), (sums, width)) in strips {
                let rows = dw.chunks_exact_mut(self.layer.outputs);
                for (dw, sums) in rows.zip(sums.chunks_exact(width)) {
                    let dw = &mut dw[outputs.range.clone()][column..];
                    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
                }
            }
        }
    }
}

/// What a piece has of `count`.
fn part(count: usize, length: usize, piece: usize) -> Range<usize> {
    piece * length..count.min((piece + 1) * length)
}

/// Some columns of a matrix, cut into strips.
struct Strips {
    /// Which columns.
    range: Range<usize>,
    /// Where each strip begins, counted from the first column, and how wide it is. The last one may be wider than
    /// what is left.
    widths: Vec<(usize, usize)>,
}

impl Strips {
    /// Columns of all strips.
    fn columns(&self) -> usize {
        self.widths.iter().map(|(_, width)| width).sum()
    }

    /// Copies rows of a matrix, each `length` long, so that those of a strip lie side by side. Zeros fill it up.
    fn lay_out(&self, matrix: &[f32], length: usize, rows: Range<usize>, strips: &mut [f32]) {
        let count = rows.len();
        let matrix = &matrix[rows.start * length..rows.end * length];
        for (index, row) in matrix.chunks_exact(length).enumerate() {
            let row = &row[self.range.clone()];
            for &(column, width) in &self.widths {
                let strip = &mut strips[column * count + index * width..][..width];
                pad(&row[column..], strip);
            }
        }
    }

    /// Each strip of what has been laid out, with its width.
    fn each<'a>(&self, strips: &'a [f32], rows: usize) -> impl Iterator<Item = (&'a [f32], usize)> {
        let widths = self.widths.iter();
        widths.map(move |&(column, width)| (&strips[column * rows..][..width * rows], width))
    }
}
