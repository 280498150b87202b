//! A hash of what training sees of its data: pixels or tokens, labels, and how they are cut into
//! rows. Where they came from, and how they were packed there, makes no difference.

use sha2::{Digest, Sha256};

use super::split::Rows;
use super::{Dataset, Split};
use crate::hash::hexadecimal;

/// 16-bit numbers that are turned into bytes at a time.
const CHUNK: usize = 4096;

/// SHA-256 of both splits of `data` in hexadecimal digits.
pub(super) fn of(data: &Dataset) -> String {
    let mut hasher = Sha256::new();
    counts(&mut hasher, &[data.classes]);
    for split in [&data.train, &data.test] {
        add(&mut hasher, split);
    }
    hexadecimal(&hasher.finalize())
}

/// Every part comes after its length, so that no two data sets are the same bytes.
fn add(hasher: &mut Sha256, split: &Split) {
    match split.rows() {
        Rows::Images(images, _) => {
            hasher.update(b"images");
            counts(hasher, &[images.channels, images.height, images.width]);
            counts(hasher, &[images.len()]);
            hasher.update(images.pixels());
            numbers(hasher, images.labels());
        }
        Rows::Text(windows) => {
            hasher.update(b"tokens");
            counts(hasher, &[windows.context(), windows.all().len()]);
            numbers(hasher, windows.all());
        }
    }
}

fn counts(hasher: &mut Sha256, counts: &[usize]) {
    for count in counts {
        hasher.update((*count as u64).to_le_bytes());
    }
}

fn numbers(hasher: &mut Sha256, numbers: &[u16]) {
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    for chunk in numbers.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|number| number.to_le_bytes()));
        hasher.update(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::images::{Images, Levels};
    use super::*;

    fn data(pixels: [[u8; 2]; 2], labels: [u16; 2]) -> Dataset {
        let split =
            |index: usize| Images::of([1, 1, 2], pixels[index].to_vec(), vec![labels[index]]);
        Dataset::of_images(split(0), split(1), 3, Levels::fractions(1, 255))
    }

    #[test]
    fn every_pixel_label_and_class_counts_in_either_split() {
        let base = data([[1, 2], [3, 4]], [0, 1]);
        let fewer = Dataset {
            classes: 2,
            ..base.clone()
        };
        let others = [
            data([[1, 3], [3, 4]], [0, 1]),
            data([[1, 2], [3, 5]], [0, 1]),
            data([[1, 2], [3, 4]], [2, 1]),
            data([[1, 2], [3, 4]], [0, 2]),
            data([[3, 4], [1, 2]], [1, 0]),
            fewer,
        ];
        assert_eq!(of(&base), of(&data([[1, 2], [3, 4]], [0, 1])));
        let mut all: Vec<String> = others.iter().chain([&base]).map(of).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), others.len() + 1);
    }

    #[test]
    fn tokens_past_a_chunk_count() {
        let sum = |list: &[u16]| {
            let mut hasher = Sha256::new();
            numbers(&mut hasher, list);
            hexadecimal(&hasher.finalize())
        };
        let mut tokens = vec![0; CHUNK + 2];
        let before = sum(&tokens);
        tokens[CHUNK + 1] = 0x0100;
        assert_ne!(before, sum(&tokens));
    }
}
