//! Convolutions of maps `[batch, height, width, channels]` with weights
//! `[outputs, inputs / groups, kernel rows, kernel columns]`.
//!
//! Each image is copied into a zero-padded buffer that stays in the cache of one core. The window
//! of an output pixel is then a few runs of consecutive numbers, and the convolution is a product
//! of gathered rows with a matrix. 3 × 3 kernels with stride 1 use Winograd's algorithm.

mod input_gradient;
mod padding;
mod winograd;

use crate::gemm::correlation::Correlation;
use crate::gemm::panels::Panels;
use crate::gemm::product::{Product, panel_width};
use crate::gemm::strided_rows::{Segment, StridedRows};
use crate::threads::{PooledBuffer, ThreadPool};
use input_gradient::InputGradient;
use padding::{Padding, copy};
use winograd::Winograd;

/// The most tasks that a batch is split into.
const MAX_TASKS: usize = 16;

/// The shape of a convolution. Pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Images in the batch.
    pub batch: usize,
    /// Height and width of an image.
    pub size: [usize; 2],
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Distance between positions of the kernel.
    pub stride: [usize; 2],
    /// Zeros on each side of an image.
    pub padding: [usize; 2],
    /// Groups of channels; outputs depend on inputs of their own group only.
    pub groups: usize,
}

impl Conv {
    /// Height and width of the output.
    pub fn output_size(&self) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let room = self.size[axis] + 2 * self.padding[axis];
            match room.checked_sub(self.kernel[axis]) {
                Some(rest) => rest / self.stride[axis] + 1,
                None => 0,
            }
        })
    }

    /// Pixels in an image of the output.
    pub fn output_pixels(&self) -> usize {
        self.output_size().iter().product()
    }

    /// Numbers in an image of the output.
    pub fn output_numbers(&self) -> usize {
        self.output_pixels() * self.outputs
    }

    /// Numbers in an image of the input.
    fn input_numbers(&self) -> usize {
        self.size[0] * self.size[1] * self.inputs
    }

    /// Images in a task.
    fn task_images(&self) -> usize {
        self.batch.div_ceil(MAX_TASKS).max(1)
    }

    /// The zero-padded input.
    fn padded_input(&self) -> Padding {
        Padding {
            size: self.size,
            channels: self.inputs,
            before: self.padding,
            padded: std::array::from_fn(|axis| self.size[axis] + 2 * self.padding[axis]),
        }
    }

    /// The position of each output pixel's window in a padded image.
    fn windows(&self, group: usize) -> StridedRows {
        StridedRows {
            origin: group * self.inputs / self.groups,
            columns: self.output_size()[1].max(1),
            row_stride: self.stride[0] * self.padded_input().row(),
            column_stride: self.stride[1] * self.inputs,
        }
    }

    /// Segments of `channels` out of `all` channels for `taps` adjacent pixels; one segment if they
    /// are contiguous.
    fn row_segments(offset: usize, taps: usize, channels: usize, all: usize) -> Vec<Segment> {
        if channels == all {
            let length = taps * channels;
            return vec![Segment { offset, length }];
        }
        let tap = |tap: usize| Segment {
            offset: offset + tap * all,
            length: channels,
        };
        (0..taps).map(tap).collect()
    }

    /// The segments of an output pixel's window.
    fn window(&self) -> Vec<Segment> {
        let rows = (0..self.kernel[0]).flat_map(|row| {
            let offset = row * self.padded_input().row();
            Self::row_segments(
                offset,
                self.kernel[1],
                self.inputs / self.groups,
                self.inputs,
            )
        });
        rows.collect()
    }

    /// The index, within the weights of one output, of the weight for each number of a window.
    fn window_weights(&self) -> Vec<usize> {
        let [rows, columns] = self.kernel;
        let taps = (0..rows * columns).flat_map(|tap| {
            (0..self.inputs / self.groups).map(move |input| input * rows * columns + tap)
        });
        taps.collect()
    }

    /// The number of weights of one output.
    fn weights(&self) -> usize {
        self.inputs / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// The same convolution by Winograd's algorithm, if it applies and is faster.
    fn winograd(&self) -> Option<Winograd> {
        let fits = self.kernel == [3; 2] && self.stride == [1; 2] && self.groups == 1;
        let winograd = Winograd {
            size: self.size,
            inputs: self.inputs,
            outputs: self.outputs,
            padding: self.padding,
        };
        let near = self.padding.iter().all(|padding| *padding <= 2);
        Some(winograd).filter(|winograd| fits && near && winograd.pays())
    }

    /// Writes the output `y`.
    pub fn forward(&self, pool: &ThreadPool, x: &[f32], w: &[f32], y: &mut [f32]) {
        let Some(winograd) = self.winograd() else {
            return self.forward_directly(pool, x, w, y);
        };
        let weights = winograd.forward_weights(pool, w);
        let task_images = self.task_images();
        pool.for_each_chunk(y, task_images * self.output_numbers(), |task, y| {
            let images = y.len() / self.output_numbers();
            let x =
                &x[task * task_images * self.input_numbers()..][..images * self.input_numbers()];
            winograd.forward(pool, &weights, x, y);
        });
    }

    fn forward_directly(&self, pool: &ThreadPool, x: &[f32], w: &[f32], y: &mut [f32]) {
        let outputs = self.outputs / self.groups;
        let rows = self.window_weights();
        let weights = |group: usize| &w[group * outputs * self.weights()..];
        let matrix = |group| {
            Panels::new(
                pool,
                weights(group),
                &rows,
                outputs,
                self.weights(),
                panel_width(),
            )
        };
        let matrices: Vec<Panels> = (0..self.groups).map(matrix).collect();
        let (padding, window) = (self.padded_input(), self.window());
        let task_images = self.task_images();
        pool.for_each_chunk(y, task_images * self.output_numbers(), |task, y| {
            let mut padded = pool.buffers().take_zeroed(padding.numbers());
            for (image, y) in y.chunks_mut(self.output_numbers()).enumerate() {
                let x = self.image(x, task * task_images + image);
                padding.fill(&mut padded, |pixel, row| copy(x, pixel * self.inputs, row));
                for (group, matrix) in matrices.iter().enumerate() {
                    Product {
                        input: &padded,
                        from: self.windows(group),
                        segments: &window,
                        matrix,
                        bias: None,
                        rows: self.output_pixels(),
                        output: y,
                        to: StridedRows::evenly_spaced(group * outputs, self.outputs),
                    }
                    .compute();
                }
            }
        });
    }

    fn image<'a>(&self, x: &'a [f32], image: usize) -> &'a [f32] {
        &x[image * self.input_numbers()..][..self.input_numbers()]
    }

    /// Writes the gradients of the weights and, if requested, of the input.
    pub fn backward(
        &self,
        pool: &ThreadPool,
        x: &[f32],
        w: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let Some(winograd) = self.winograd() else {
            return self.backward_directly(pool, x, w, dy, dw, dx);
        };
        let backwards = winograd.backwards();
        let weights = dx.is_some().then(|| backwards.backward_weights(pool, w));
        let task_images = self.task_images();
        let task = |task: usize, dx: Option<&mut [f32]>| {
            let images = task_images.min(self.batch - task * task_images);
            let (inputs, outputs) = (self.input_numbers(), self.output_numbers());
            let x = &x[task * task_images * inputs..][..images * inputs];
            let dy = &dy[task * task_images * outputs..][..images * outputs];
            if let (Some(weights), Some(dx)) = (&weights, dx) {
                backwards.forward(pool, weights, dy, dx);
            }
            winograd.weight_sums(pool, x, dy)
        };
        let parts = match dx {
            Some(dx) => pool.map_chunks(dx, task_images * self.input_numbers(), |index, dx| {
                task(index, Some(dx))
            }),
            None => pool.map(self.batch.div_ceil(task_images), |index| task(index, None)),
        };
        let mut sums = pool.buffers().take(dw.len());
        add_parts(pool, &parts, &mut sums);
        winograd.weight_gradient(&sums, dw);
    }

    fn backward_directly(
        &self,
        pool: &ThreadPool,
        x: &[f32],
        w: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let task_images = self.task_images();
        let plan = InputGradient::new(self, pool, w);
        let window = self.window();
        let task = |task: usize, mut dx: Option<&mut [f32]>| {
            let mut sums = pool.buffers().take_zeroed(dw.len());
            let mut padded = pool.buffers().take_zeroed(self.padded_input().numbers());
            let mut errors = pool.buffers().take_zeroed(plan.errors.numbers());
            let images = task * task_images..((task + 1) * task_images).min(self.batch);
            for (image, place) in images.clone().zip(0..) {
                let first = image * self.output_pixels();
                plan.errors.fill(&mut errors, |pixel, row| {
                    copy(dy, (first + pixel) * self.outputs, row);
                });
                let x = self.image(x, image);
                self.padded_input()
                    .fill(&mut padded, |pixel, row| copy(x, pixel * self.inputs, row));
                self.correlate(&padded, &window, &errors, plan.errors.pixels(), &mut sums);
                if let Some(dx) = &mut dx {
                    let numbers = self.input_numbers();
                    plan.compute(self, &errors, &mut dx[place * numbers..][..numbers]);
                }
            }
            sums
        };
        let parts = match dx {
            Some(dx) => pool.map_chunks(dx, task_images * self.input_numbers(), |index, dx| {
                task(index, Some(dx))
            }),
            None => pool.map(self.batch.div_ceil(task_images), |index| task(index, None)),
        };
        let mut sums = pool.buffers().take_zeroed(dw.len());
        add_parts(pool, &parts, &mut sums);
        self.reorder(&sums, dw);
    }

    /// Adds one image's part of the gradients of all weights, in window order.
    fn correlate(
        &self,
        padded: &[f32],
        window: &[Segment],
        dy: &[f32],
        at: StridedRows,
        sums: &mut [f32],
    ) {
        let outputs = self.outputs / self.groups;
        for (group, sums) in sums.chunks_mut(outputs * self.weights()).enumerate() {
            Correlation {
                input: padded,
                from: self.windows(group),
                segments: window,
                errors: dy,
                at: StridedRows {
                    origin: at.origin + group * outputs,
                    ..at
                },
                rows: self.output_pixels(),
                columns: outputs,
                sums,
            }
            .accumulate();
        }
    }

    /// Copies sums in window order to `dw` in the order of the weights.
    fn reorder(&self, sums: &[f32], dw: &mut [f32]) {
        let outputs = self.outputs / self.groups;
        let places = self.window_weights();
        let groups = dw.chunks_mut(outputs * self.weights());
        for (dw, sums) in groups.zip(sums.chunks(outputs * self.weights())) {
            for (sums, place) in sums.chunks(outputs).zip(&places) {
                let column = dw[*place..].iter_mut().step_by(self.weights());
                column.zip(sums).for_each(|(dw, sum)| *dw = *sum);
            }
        }
    }
}

/// Writes the sum of the parts, added in order.
fn add_parts(pool: &ThreadPool, parts: &[PooledBuffer], sum: &mut [f32]) {
    let length = sum.len().div_ceil(MAX_TASKS).max(4096);
    pool.for_each_chunk(sum, length, |task, sum| {
        sum.fill(0.0);
        for part in parts {
            let part = &part[task * length..][..sum.len()];
            sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
    });
}
