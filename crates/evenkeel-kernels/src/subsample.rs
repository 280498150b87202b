//! The shortcut of option A of He et al. 2015: every few pixels of a map, and channels of zeros.

use crate::workers::Workers;

/// Sizes of a shortcut on maps `[batch, rows, columns, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsample {
    /// Size of the input's images.
    pub size: [usize; 2],
    /// Channels of the input.
    pub channels: usize,
    /// Pixels from one that is kept to the next.
    pub stride: usize,
    /// Channels that are added.
    pub zeros: usize,
}

impl Subsample {
    /// Size of the output's images.
    pub fn output_size(&self) -> [usize; 2] {
        self.size.map(|side| side.div_ceil(self.stride))
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        self.channels + self.zeros
    }

    fn input_numbers(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    fn output_numbers(&self) -> usize {
        let [rows, columns] = self.output_size();
        rows * columns * self.outputs()
    }

    /// Where each pixel that is kept begins in an image, in the order of the output's.
    fn kept(&self) -> impl Iterator<Item = usize> {
        let Self {
            size,
            channels,
            stride,
            ..
        } = *self;
        (0..size[0]).step_by(stride).flat_map(move |row| {
            let columns = (0..size[1]).step_by(stride);
            columns.map(move |column| (row * size[1] + column) * channels)
        })
    }

    /// `y`.
    ///
    /// # Panics
    /// When the maps are not as large.
    pub fn forward(&self, workers: &Workers, x: &[f32], y: &mut [f32]) {
        workers.chunks(y, self.output_numbers(), |image, y| {
            let x = &x[image * self.input_numbers()..][..self.input_numbers()];
            for (at, y) in self.kept().zip(y.chunks_exact_mut(self.outputs())) {
                let (copied, zeros) = y.split_at_mut(self.channels);
                copied.copy_from_slice(&x[at..][..self.channels]);
                zeros.fill(0.0);
            }
        });
    }

    /// The gradient of `x`.
    ///
    /// # Panics
    /// When the maps are not as large.
    pub fn backward(&self, workers: &Workers, dy: &[f32], dx: &mut [f32]) {
        workers.chunks(dx, self.input_numbers(), |image, dx| {
            let dy = &dy[image * self.output_numbers()..][..self.output_numbers()];
            dx.fill(0.0);
            for (at, dy) in self.kept().zip(dy.chunks_exact(self.outputs())) {
                dx[at..][..self.channels].copy_from_slice(&dy[..self.channels]);
            }
        });
    }
}
