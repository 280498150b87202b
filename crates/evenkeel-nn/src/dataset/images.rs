//! Labelled images of one size: a byte a pixel in memory, numbers only when a batch is made.

use crate::augment::Transform;

/// Images with their classes. Pixels lie row by row, one channel after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Numbers a pixel.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    pixels: Vec<u8>,
    labels: Vec<u16>,
}

impl Images {
    /// No images yet, but of this shape.
    pub fn new([channels, height, width]: [usize; 3]) -> Self {
        Self {
            channels,
            height,
            width,
            pixels: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Images whose pixels and labels are at hand.
    pub fn of([channels, height, width]: [usize; 3], pixels: Vec<u8>, labels: Vec<u16>) -> Self {
        Self {
            channels,
            height,
            width,
            pixels,
            labels,
        }
    }

    /// Pixels of one image.
    pub fn size(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether it has no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The pixels of all images, one after the other.
    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The images as their first channel alone.
    pub fn first_channel(&self) -> Self {
        let mut first = Self::new([1, self.height, self.width]);
        for (pixels, label) in self.pixels.chunks_exact(self.size()).zip(&self.labels) {
            first.push(&pixels[..first.size()], *label);
        }
        first
    }

    /// The images with each square of `by` × `by` pixels as one, their mean: none, where their sides are no multiples
    /// of that.
    pub fn shrunk(&self, by: usize) -> Option<Self> {
        if by == 0 || !self.height.is_multiple_of(by) || !self.width.is_multiple_of(by) {
            return None;
        }
        let shape = [self.channels, self.height / by, self.width / by];
        let square = by * by;
        // Squares side by side, whole rows of them at a time: planes end where rows of squares do.
        let squares = self.pixels.chunks_exact(by * self.width).flat_map(|band| {
            (0..self.width).step_by(by).map(move |x| {
                let rows = band.chunks_exact(self.width);
                let sum: usize = rows
                    .flat_map(|row| &row[x..x + by])
                    .map(|pixel| usize::from(*pixel))
                    .sum();
                // A mean of bytes, to the nearest.
                ((sum + square / 2) / square) as u8
            })
        });
        Some(Self::of(shape, squares.collect(), self.labels.clone()))
    }

    /// Makes room for so many more images.
    pub fn reserve(&mut self, images: usize) {
        self.pixels.reserve_exact(images * self.size());
        self.labels.reserve_exact(images);
    }

    /// Appends an image.
    pub fn push(&mut self, pixels: &[u8], label: u16) {
        debug_assert_eq!(pixels.len(), self.size());
        self.pixels.extend_from_slice(pixels);
        self.labels.push(label);
    }

    /// Appends an image's numbers to a batch. What a transform moves in from outside is black.
    pub fn append(&self, image: usize, transform: Transform, levels: &Levels, to: &mut Vec<f32>) {
        let plane = self.height * self.width;
        let pixels = &self.pixels[image * self.size()..][..self.size()];
        for (pixels, level) in pixels.chunks_exact(plane).zip(&levels.numbers) {
            if transform == Transform::NONE {
                to.extend(pixels.iter().map(|pixel| level[usize::from(*pixel)]));
                continue;
            }
            for y in 0..self.height {
                for x in 0..self.width {
                    let source = transform.source([y, x], [self.height, self.width]);
                    let pixel = source.map_or(0, |[y, x]| pixels[y * self.width + x]);
                    to.push(level[usize::from(pixel)]);
                }
            }
        }
    }
}

/// Which number each of the 256 levels of a pixel stands for, by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    numbers: Vec<[f32; 256]>,
    are_standardised: bool,
}

impl Levels {
    /// `pixel / white` in every channel.
    pub fn fractions(channels: usize, white: u8) -> Self {
        let level = |pixel: usize| pixel as f32 / f32::from(white);
        Self {
            numbers: vec![std::array::from_fn(level); channels],
            are_standardised: false,
        }
    }

    /// `(pixel − mean) / standard deviation`, both measured on these images, channel by channel. A
    /// channel that never varies is 0.
    pub fn standardised(images: &Images) -> Self {
        let counts = histograms(images);
        Self {
            numbers: counts.iter().map(standardise).collect(),
            are_standardised: true,
        }
    }

    /// The same for other images: measured on them, if these were measured.
    pub fn of(&self, images: &Images) -> Self {
        match self.are_standardised {
            true => Self::standardised(images),
            false => self.clone(),
        }
    }
}

/// Histogram of levels for each channel.
fn histograms(images: &Images) -> Vec<[u64; 256]> {
    let mut counts = vec![[0; 256]; images.channels];
    for (index, plane) in images
        .pixels
        .chunks_exact(images.height * images.width)
        .enumerate()
    {
        let counts = &mut counts[index % images.channels];
        for pixel in plane {
            counts[usize::from(*pixel)] += 1;
        }
    }
    counts
}

fn standardise(counts: &[u64; 256]) -> [f32; 256] {
    let total: u64 = counts.iter().sum();
    let mean_of = |value: &dyn Fn(f64) -> f64| {
        let weighted = counts.iter().zip(0u8..=255);
        let sum: f64 = weighted
            .map(|(n, pixel)| *n as f64 * value(f64::from(pixel)))
            .sum();
        sum / total.max(1) as f64
    };
    let mean = mean_of(&|pixel| pixel);
    let deviation = mean_of(&|pixel| (pixel - mean).powi(2)).sqrt();
    let scale = if deviation > 0.0 {
        deviation.recip()
    } else {
        0.0
    };
    std::array::from_fn(|pixel| ((pixel as f64 - mean) * scale) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_of_pixels_shrinks_to_its_mean() {
        let mut images = Images::new([2, 2, 4]);
        images.push(&[0, 1, 255, 255, 1, 0, 255, 255, 9, 9, 0, 0, 9, 9, 0, 1], 3);
        let half = images.shrunk(2).unwrap();
        assert_eq!(half, Images::of([2, 1, 2], vec![1, 255, 9, 0], vec![3]));
        assert_eq!(images.shrunk(1).unwrap(), images);
        assert_eq!([0, 3, 4].map(|by| images.shrunk(by)), [const { None }; 3]);
    }

    #[test]
    fn standardised_channels_have_mean_0_and_variance_1() {
        let mut images = Images::new([2, 1, 2]);
        images.push(&[0, 255, 7, 7], 0);
        images.push(&[10, 30, 7, 7], 0);
        let levels = Levels::standardised(&images);
        let mut numbers = Vec::new();
        for image in 0..2 {
            images.append(image, Transform::NONE, &levels, &mut numbers);
        }
        let first: Vec<f32> = [0, 1, 4, 5].map(|i| numbers[i]).to_vec();
        let mean = first.iter().sum::<f32>() / 4.0;
        let variance = first.iter().map(|x| x * x).sum::<f32>() / 4.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6);
        assert_eq!([2, 3, 6, 7].map(|i| numbers[i]), [0.0; 4], "never varies");
    }
}
