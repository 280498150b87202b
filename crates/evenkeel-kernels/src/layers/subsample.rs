//! The shortcut of option A of He et al. 2015: every `stride`-th pixel of a map, padded with
//! channels of zeros.

use crate::threads::ThreadPool;

/// The shape of a shortcut on maps `[batch, rows, columns, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsample {
    /// Height and width of the input.
    pub size: [usize; 2],
    /// Channels of the input.
    pub channels: usize,
    /// Distance between the pixels that are kept.
    pub stride: usize,
    /// Channels of zeros to append.
    pub zeros: usize,
}

impl Subsample {
    /// Height and width of the output.
    pub fn output_size(&self) -> [usize; 2] {
        self.size.map(|side| side.div_ceil(self.stride))
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        self.channels + self.zeros
    }

    /// Numbers in an image of the input.
    fn input_numbers(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// Numbers in an image of the output.
    fn output_numbers(&self) -> usize {
        let [rows, columns] = self.output_size();
        rows * columns * self.outputs()
    }

    /// The start of each kept pixel in an image of the input, in the order of the output.
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

    /// Writes the output.
    ///
    /// # Panics
    /// When the maps are too small.
    pub fn forward(&self, pool: &ThreadPool, x: &[f32], y: &mut [f32]) {
        pool.for_each_chunk(y, self.output_numbers(), |image, y| {
            let x = &x[image * self.input_numbers()..][..self.input_numbers()];
            for (at, y) in self.kept().zip(y.chunks_exact_mut(self.outputs())) {
                let (copied, zeros) = y.split_at_mut(self.channels);
                copied.copy_from_slice(&x[at..][..self.channels]);
                zeros.fill(0.0);
            }
        });
    }

    /// Writes the gradient of the input.
    ///
    /// # Panics
    /// When the maps are too small.
    pub fn backward(&self, pool: &ThreadPool, dy: &[f32], dx: &mut [f32]) {
        pool.for_each_chunk(dx, self.input_numbers(), |image, dx| {
            let dy = &dy[image * self.output_numbers()..][..self.output_numbers()];
            dx.fill(0.0);
            for (at, dy) in self.kept().zip(dy.chunks_exact(self.outputs())) {
                dx[at..][..self.channels].copy_from_slice(&dy[..self.channels]);
            }
        });
    }
}
