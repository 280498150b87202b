//! Images in frames of zeros, so that nobody who looks around a pixel has to ask where the image ends.

use crate::lattice::Lattice;
use crate::memory::Numbers;
use crate::workers::Workers;

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

    /// Numbers of the image alone.
    pub(crate) fn image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// Whether there is nothing around the image.
    pub(crate) fn is_bare(&self) -> bool {
        self.size == self.framed
    }

    /// Images one after the other, each in its frame.
    pub(crate) fn around(&self, workers: &Workers, images: &[f32]) -> Numbers {
        let count = images.len() / self.image();
        let mut frames = workers.memory().zeros(count * self.numbers());
        let frame = frames.chunks_exact_mut(self.numbers());
        for (frame, image) in frame.zip(images.chunks_exact(self.image())) {
            self.fill(frame, |pixel, row| copy(image, pixel * self.channels, row));
        }
        frames
    }

    /// Images one after the other, taken out of their frames.
    pub(crate) fn take_out(&self, frames: &[f32], images: &mut [f32]) {
        let length = self.size[1] * self.channels;
        let frames = frames.chunks_exact(self.numbers());
        for (frame, image) in frames.zip(images.chunks_exact_mut(self.image())) {
            for (row, image) in image.chunks_exact_mut(length).enumerate() {
                copy(frame, self.pixels().origin + row * self.row(), image);
            }
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
