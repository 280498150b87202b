//! The gradient of a direct convolution's input, from zero-padded errors.
//!
//! Input pixels that the same rows and columns of the kernel reach form a class. The gradient of
//! each class is a product of gathered errors with a matrix of weights.

use super::Conv;
use super::padding::Padding;
use crate::gemm::panels::Panels;
use crate::gemm::product::{Product, panel_width};
use crate::gemm::strided_rows::{Segment, StridedRows};
use crate::threads::ThreadPool;

/// A class along one axis: the pixels `first`, `first + stride`, …
struct Class {
    first: usize,
    count: usize,
    /// Kernel positions that reach these pixels, in descending order; they meet consecutive errors.
    taps: Vec<usize>,
    /// The offset of the error that the first tap meets.
    offset: isize,
}

/// The classes of one axis.
fn classes(size: usize, kernel: usize, stride: usize, padding: usize) -> Vec<Class> {
    let class = |first: usize| {
        let start = (first + padding) % stride;
        let taps: Vec<usize> = (start..kernel).step_by(stride).rev().collect();
        let offset = |tap: usize| ((first + padding) as isize - tap as isize) / stride as isize;
        Class {
            first,
            count: (size - first).div_ceil(stride),
            offset: taps.first().map_or(0, |tap| offset(*tap)),
            taps,
        }
    };
    (0..stride.min(size)).map(class).collect()
}

/// How to compute the gradient of one image.
pub(super) struct InputGradient {
    /// The zero-padded errors.
    pub(super) errors: Padding,
    /// One part for each class of pixels and each group of channels.
    parts: Vec<Part>,
}

/// The gradient of one class of pixels in one group of channels.
struct Part {
    from: StridedRows,
    segments: Vec<Segment>,
    matrix: Panels,
    to: StridedRows,
    rows: usize,
}

impl InputGradient {
    pub(super) fn new(conv: &Conv, pool: &ThreadPool, w: &[f32]) -> Self {
        let axes: [Vec<Class>; 2] = std::array::from_fn(|axis| {
            classes(
                conv.size[axis],
                conv.kernel[axis],
                conv.stride[axis],
                conv.padding[axis],
            )
        });
        let size = conv.output_size();
        // Padding covers the reach of every class.
        let before = std::array::from_fn(|axis| {
            let least = axes[axis].iter().map(|class| class.offset).min();
            (-least.unwrap_or(0)).max(0) as usize
        });
        let padded = std::array::from_fn(|axis| {
            let end = |class: &Class| class.offset + (class.count + class.taps.len()) as isize;
            let furthest = axes[axis].iter().map(end).max().unwrap_or(0).max(0) as usize;
            before[axis] + size[axis].max(furthest)
        });
        let errors = Padding {
            size,
            channels: conv.outputs,
            before,
            padded,
        };
        let mut parts = Vec::new();
        for rows in &axes[0] {
            for columns in &axes[1] {
                parts.extend(
                    (0..conv.groups)
                        .map(|group| Part::new(&errors, conv, pool, w, group, [rows, columns])),
                );
            }
        }
        Self { errors, parts }
    }

    /// Writes the gradient of one image, given its padded errors.
    pub(super) fn compute(&self, conv: &Conv, dy: &[f32], dx: &mut [f32]) {
        debug_assert_eq!(dx.len(), conv.input_numbers());
        for part in &self.parts {
            Product {
                input: dy,
                from: part.from,
                segments: &part.segments,
                matrix: &part.matrix,
                bias: None,
                output: dx,
                to: part.to,
                rows: part.rows,
            }
            .compute();
        }
    }
}

impl Part {
    fn new(
        errors: &Padding,
        conv: &Conv,
        pool: &ThreadPool,
        w: &[f32],
        group: usize,
        [rows, columns]: [&Class; 2],
    ) -> Self {
        let (inputs, outputs) = (conv.inputs / conv.groups, conv.outputs / conv.groups);
        let place =
            |axis: usize, class: &Class| (errors.before[axis] as isize + class.offset) as usize;
        let taps = rows.taps.len() * usize::from(!columns.taps.is_empty());
        let segments = (0..taps).flat_map(|row| {
            Conv::row_segments(
                row * errors.row(),
                columns.taps.len(),
                outputs,
                conv.outputs,
            )
        });
        let kernel = conv.kernel[1];
        let weights = rows.taps.iter().flat_map(|row| {
            let columns = columns.taps.iter();
            columns.flat_map(move |column| {
                (0..outputs).map(move |output| output * conv.weights() + row * kernel + column)
            })
        });
        let weights: Vec<usize> = weights.collect();
        let first = group * outputs * conv.weights();
        Self {
            from: StridedRows {
                origin: place(0, rows) * errors.row()
                    + place(1, columns) * errors.channels
                    + group * outputs,
                columns: columns.count.max(1),
                row_stride: errors.row(),
                column_stride: errors.channels,
            },
            segments: segments.collect(),
            matrix: Panels::new(
                pool,
                &w[first..],
                &weights,
                inputs,
                conv.kernel[0] * conv.kernel[1],
                panel_width(),
            ),
            to: StridedRows {
                origin: (rows.first * conv.size[1] + columns.first) * conv.inputs + group * inputs,
                columns: columns.count.max(1),
                row_stride: conv.stride[0] * conv.size[1] * conv.inputs,
                column_stride: conv.stride[1] * conv.inputs,
            },
            rows: rows.count * columns.count,
        }
    }
}
