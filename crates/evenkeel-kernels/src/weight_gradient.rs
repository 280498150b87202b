//! The gradient of a linear layer's weights: `xᵀ dy`, summed over rows.

use std::ops::Range;

use crate::correlation::Correlation;
use crate::lattice::{Lattice, Segment};
use crate::linear::Linear;
use crate::memory::{Memory, Numbers};
use crate::product::widest;
use crate::workers::Workers;

/// Pieces of work, if there is enough of it.
const PIECES: usize = 8;

/// Pieces that do.
const ENOUGH: usize = 6;

/// Inputs are cut at multiples of what any of the kernels takes at a time.
const TILE: usize = 24;

/// Rows of which sums are taken before they are added to those before: what they have in a few columns stays in a near
/// cache, even where they are a power of two apart.
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
    /// Cut so that the least is read.
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

    /// Pieces that are missing, and numbers that are read: inputs for each piece of outputs and the other way
    /// round, and sums for each piece of rows.
    fn cost(&self) -> (usize, usize) {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let [along, down, across] = self.size();
        let read = rows * (inputs * across + outputs * down) + along * inputs * outputs;
        (ENOUGH.saturating_sub(along * down * across), read)
    }

    /// Computes it.
    pub(crate) fn compute(&self, workers: &Workers, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let [along, down, across] = self.size();
        let parts = workers.map(along * down * across, |piece| {
            let rest = piece / across;
            let piece = [rest % along, rest / along, piece % across];
            self.sums(workers.memory(), x, dy, piece)
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
        let inputs = part(layer.inputs, self.inputs, down);
        let outputs = part(layer.outputs, self.outputs, across);
        let mut sums = memory.zeros(inputs.len() * outputs.len());
        let rows = part(layer.rows, self.rows, along);
        let block = rows.len().div_ceil(rows.len().div_ceil(BLOCK));
        for first in rows.clone().step_by(block) {
            for (columns, sums) in
                strips(outputs.clone()).zip(sums.chunks_mut(inputs.len() * widest()))
            {
                Correlation {
                    input: x,
                    from: Lattice::line(first * layer.inputs + inputs.start, layer.inputs),
                    segments: &[Segment {
                        offset: 0,
                        length: inputs.len(),
                    }],
                    errors: dy,
                    at: Lattice::line(first * layer.outputs + columns.start, layer.outputs),
                    rows: block.min(rows.end - first),
                    columns: columns.len(),
                    sums,
                }
                .accumulate();
            }
        }
        sums
    }

    /// Adds up the parts of some inputs, of which those of the same rows follow each other, in their order.
    fn put(&self, parts: &[Numbers], dw: &mut [f32]) {
        let [_, _, across] = self.size();
        let inputs = dw.len() / self.layer.outputs;
        dw.fill(0.0);
        for (piece, sums) in parts.iter().enumerate() {
            let outputs = part(self.layer.outputs, self.outputs, piece % across);
            for (columns, sums) in strips(outputs).zip(sums.chunks(inputs * widest())) {
                let rows = dw.chunks_exact_mut(self.layer.outputs);
                for (dw, sums) in rows.zip(sums.chunks_exact(columns.len())) {
                    let dw = &mut dw[columns.clone()];
                    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
                }
            }
        }
    }
}

/// Columns in strips as wide as the kernel takes at a time: their sums lie one after the other, and the processor sees
/// the next ones coming.
fn strips(columns: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = columns.end;
    columns
        .step_by(widest())
        .map(move |first| first..end.min(first + widest()))
}

/// What a piece has of `count`.
fn part(count: usize, length: usize, piece: usize) -> Range<usize> {
    piece * length..count.min((piece + 1) * length)
}
