//! Images in frames of zeros, so that nobody who looks around a pixel has to ask where the image ends.

use crate::lattice::Lattice;

/// Zeros around an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// Size of the image.
    pub(crate) size: [usize; 2],
    /// Numbers of a pixel.
    pub(crate) channels: usize,
    /// Zeros before the first row and column.
    pub(crate) before: [usize; 2],
    /// Rows and columns with those before and behind.
    pub(crate) framed: [usize; 2],
}

impl Frame {
    /// Numbers of the frame with the image.
    pub(crate) fn numbers(&self) -> usize {
        self.framed[0] * self.framed[1] * self.channels
    }

    /// From one row to the next.
    pub(crate) fn row(&self) -> usize {
        self.framed[1] * self.channels
    }

    /// Where the image's pixels are.
    pub(crate) fn pixels(&self) -> Lattice {
        Lattice {
            origin: self.before[0] * self.row() + self.before[1] * self.channels,
            columns: self.size[1],
            row: self.row(),
            column: self.channels,
        }
    }

    /// Has each row of the image written by `fill`, given the number of its first pixel.
    pub(crate) fn fill(&self, frame: &mut [f32], fill: impl Fn(usize, &mut [f32])) {
        let length = self.size[1] * self.channels;
        for row in 0..self.size[0] {
            let start = self.pixels().origin + row * self.row();
            fill(row * self.size[1], &mut frame[start..][..length]);
        }
    }
}

/// Copies as many numbers as `row` has, from `start` on.
pub(crate) fn copy(numbers: &[f32], start: usize, row: &mut [f32]) {
    row.copy_from_slice(&numbers[start..][..row.len()]);
}
