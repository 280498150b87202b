//! The gradient of a linear layer's weight: `xᵀ dy`.

use std::ops::Range;

use super::Linear;
use crate::gemm::correlation::Correlation;
use crate::gemm::product::panel_width;
use crate::gemm::strided_rows::{Segment, StridedRows};
use crate::threads::{BufferPool, PooledBuffer, ThreadPool};

/// The number of tasks for a large layer.
const TASKS: usize = 8;

/// The number of tasks below which threads would idle.
const MIN_TASKS: usize = 6;

/// Inputs are split at multiples of the tile height of all kernels.
const TILE: usize = 24;

/// Rows that are summed before the result is added to earlier sums. A few columns of so many rows
/// stay in the cache, even if the distance between rows is a power of two.
const BLOCK: usize = 128;

/// How the gradient is split into tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightGradient {
    layer: Linear,
    /// Rows in a task.
    rows: usize,
    /// Inputs in a task.
    inputs: usize,
    /// Outputs in a task.
    outputs: usize,
}

impl WeightGradient {
    /// The split that reads the least.
    pub(crate) fn new(layer: Linear) -> Self {
        let splits =
            (0..4).flat_map(|down| (0..4 - down).map(move |across| (1 << down, 1 << across)));
        let candidates = splits.map(|(down, across)| Self {
            layer,
            rows: layer.rows.div_ceil(TASKS / down / across).max(BLOCK / 2),
            inputs: layer.inputs.div_ceil(down).next_multiple_of(TILE),
            outputs: layer
                .outputs
                .div_ceil(across)
                .next_multiple_of(panel_width()),
        });
        let Some(best) = candidates.min_by_key(Self::cost) else {
            unreachable!("there are ten candidates")
        };
        best
    }

    /// The number of parts along rows, inputs and outputs.
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

    /// The number of missing tasks, then the numbers to read: inputs for each part of the outputs,
    /// outputs for each part of the inputs, and sums for each part of the rows.
    fn cost(&self) -> (usize, usize) {
        let Linear {
            rows,
            inputs,
            outputs,
        } = self.layer;
        let [along, down, across] = self.size();
        let read = rows * (inputs * across + outputs * down) + along * inputs * outputs;
        (MIN_TASKS.saturating_sub(along * down * across), read)
    }

    /// Writes the gradient to `dw`.
    pub(crate) fn compute(&self, pool: &ThreadPool, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let [along, down, across] = self.size();
        let parts = pool.map(along * down * across, |task| {
            let rest = task / across;
            let task = [rest % along, rest / along, task % across];
            self.sums(pool.buffers(), x, dy, task)
        });
        let length = self.inputs * self.layer.outputs;
        pool.for_each_chunk(dw, length, |down, dw| {
            let parts = &parts[down * along * across..][..along * across];
            self.add_parts(parts, dw);
        });
    }

    /// The sums of one task, strip by strip.
    fn sums(
        &self,
        buffers: &BufferPool,
        x: &[f32],
        dy: &[f32],
        [along, down, across]: [usize; 3],
    ) -> PooledBuffer {
        let layer = &self.layer;
        let inputs = part(layer.inputs, self.inputs, down);
        let outputs = part(layer.outputs, self.outputs, across);
        let mut sums = buffers.take_zeroed(inputs.len() * outputs.len());
        let rows = part(layer.rows, self.rows, along);
        let block = rows.len().div_ceil(rows.len().div_ceil(BLOCK));
        for first in rows.clone().step_by(block) {
            for (columns, sums) in
                strips(outputs.clone()).zip(sums.chunks_mut(inputs.len() * panel_width()))
            {
                Correlation {
                    input: x,
                    from: StridedRows::evenly_spaced(
                        first * layer.inputs + inputs.start,
                        layer.inputs,
                    ),
                    segments: &[Segment {
                        offset: 0,
                        length: inputs.len(),
                    }],
                    errors: dy,
                    at: StridedRows::evenly_spaced(
                        first * layer.outputs + columns.start,
                        layer.outputs,
                    ),
                    rows: block.min(rows.end - first),
                    columns: columns.len(),
                    sums,
                }
                .accumulate();
            }
        }
        sums
    }

    /// Adds the sums of all tasks of some inputs, in order, to `dw`.
    fn add_parts(&self, parts: &[PooledBuffer], dw: &mut [f32]) {
        let [_, _, across] = self.size();
        let inputs = dw.len() / self.layer.outputs;
        dw.fill(0.0);
        for (task, sums) in parts.iter().enumerate() {
            let outputs = part(self.layer.outputs, self.outputs, task % across);
            for (columns, sums) in strips(outputs).zip(sums.chunks(inputs * panel_width())) {
                let rows = dw.chunks_exact_mut(self.layer.outputs);
                for (dw, sums) in rows.zip(sums.chunks_exact(columns.len())) {
                    let dw = &mut dw[columns.clone()];
                    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
                }
            }
        }
    }
}

/// Splits columns into strips of one panel, so that the sums of a strip are contiguous and
/// prefetched by hardware.
fn strips(columns: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = columns.end;
    columns
        .step_by(panel_width())
        .map(move |first| first..end.min(first + panel_width()))
}

/// Part number `index` of `0..count` in parts of `length`.
fn part(count: usize, length: usize, index: usize) -> Range<usize> {
    index * length..count.min((index + 1) * length)
}
