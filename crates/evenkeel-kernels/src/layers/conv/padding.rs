//! Zero-padded images; no bounds checks in the inner loop.

use crate::gemm::strided_rows::StridedRows;

/// The layout of a zero-padded image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    /// Height and width of the image.
    pub(super) size: [usize; 2],
    /// Channels of a pixel.
    pub(super) channels: usize,
    /// Zeros before the first row and column.
    pub(super) before: [usize; 2],
    /// Height and width with padding.
    pub(super) padded: [usize; 2],
}

impl Padding {
    /// Numbers in the padded image.
    pub(super) fn numbers(&self) -> usize {
        self.padded[0] * self.padded[1] * self.channels
    }

    /// Distance from one row to the next.
    pub(super) fn row(&self) -> usize {
        self.padded[1] * self.channels
    }

    /// The positions of the image's pixels.
    pub(super) fn pixels(&self) -> StridedRows {
        StridedRows {
            origin: self.before[0] * self.row() + self.before[1] * self.channels,
            columns: self.size[1],
            row_stride: self.row(),
            column_stride: self.channels,
        }
    }

    /// Calls `fill(first_pixel, row)` to write each row of the image.
    pub(super) fn fill(&self, padded: &mut [f32], fill: impl Fn(usize, &mut [f32])) {
        let length = self.size[1] * self.channels;
        for row in 0..self.size[0] {
            let start = self.pixels().origin + row * self.row();
            fill(row * self.size[1], &mut padded[start..][..length]);
        }
    }
}

/// Fills `row` with the numbers from `start` on.
pub(super) fn copy(numbers: &[f32], start: usize, row: &mut [f32]) {
    row.copy_from_slice(&numbers[start..][..row.len()]);
}
