//! Made-up images, for trials that must not depend on a file: each class is a Gaussian cluster.
//!
//! The mean image of a class is drawn once, and every image of the class is that mean with noise of
//! its own in every pixel, both normal. Means of two classes are on average [`DISTANCE`] standard
//! deviations of the noise apart, so that the best classifier would mistake one for the other in
//! one case of 740.

use rand_distr::{Distribution, StandardNormal};

use super::images::{Images, Levels};
use super::{Dataset, Entry, Request, Source};
use crate::error::DataError;
use crate::seed::{Purpose, Rng, rng};

pub(super) const ENTRY: Entry = Entry {
    name: "synthetic",
    argument: "[:CHANNELSxHEIGHTxWIDTH]",
    summary: "made up: a Gaussian cluster a class, 2560 + 512 rows",
    source: Source::MadeUp,
    load: |request| Ok(draw(shape(request)?, request.seed)),
};

const SHAPE: [usize; 3] = [3, 32, 32];
const MAX_SIDE: usize = 256;
const CLASSES: u16 = 10;
const TRAIN: usize = 2560;
const TEST: usize = 512;
/// Distance between the means of two classes, in standard deviations of the noise.
const DISTANCE: f32 = 6.0;
/// Mean and standard deviation of the noise, in levels of 256.
const GREY: f32 = 127.5;
const NOISE: f32 = 40.0;

fn shape(request: &Request) -> Result<[usize; 3], DataError> {
    let Some(argument) = request.argument else {
        return Ok(SHAPE);
    };
    let sides: Vec<usize> = argument
        .split('x')
        .map_while(|side| side.parse().ok())
        .filter(|side| (1..=MAX_SIDE).contains(side))
        .collect();
    let parts = argument.split('x').count();
    match <[usize; 3]>::try_from(sides) {
        Ok(shape) if parts == shape.len() => Ok(shape),
        _ => Err(request.refuse(format!(
            "a shape is three whole numbers from 1 to {MAX_SIDE}, such as 3x32x32"
        ))),
    }
}

fn draw(shape: [usize; 3], seed: u64) -> Dataset {
    let rng = &mut rng(seed, Purpose::Data);
    let size: usize = shape.iter().product();
    // Two independent means differ by √(2·size) of their own deviation.
    let deviation = DISTANCE * NOISE / (2.0 * size as f32).sqrt();
    let means: Vec<Vec<f32>> = (0..CLASSES)
        .map(|_| normal(rng, size).map(|x| GREY + deviation * x).collect())
        .collect();
    let mut split = |rows: usize| {
        let mut images = Images::new(shape);
        for label in (0..CLASSES).cycle().take(rows) {
            let noise: Vec<f32> = normal(rng, size).collect();
            let mean = &means[usize::from(label)];
            let pixels = mean.iter().zip(noise).map(|(mean, x)| mean + NOISE * x);
            // A conversion to a byte cuts off what is outside of its range.
            let pixels: Vec<u8> = pixels.map(|pixel| pixel.round() as u8).collect();
            images.push(&pixels, label);
        }
        images
    };
    let (train, test) = (split(TRAIN), split(TEST));
    let levels = Levels::standardised(&train);
    Dataset::of_images(train, test, usize::from(CLASSES), levels)
}

fn normal(rng: &mut Rng, count: usize) -> impl Iterator<Item = f32> {
    StandardNormal.sample_iter(rng).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_fixes_every_pixel() {
        let rows = [0, 9, 2559];
        let batch = |seed| {
            let data = draw([1, 4, 5], seed);
            data.train.gather(&rows, || crate::augment::Transform::NONE)
        };
        assert_eq!(batch(1), batch(1));
        assert_ne!(batch(1), batch(2));
    }
}
