//! Optical recognition of handwritten digits, 8×8 (UCI machine learning repository, CC BY 4.0: see
//! NOTICE): 1797 rows of 64 pixels from 0 to 16, and the class. Embedded in the program.
//!
//! Every fifth row is a test row (359), the rest train (1438). Pixels are divided by 16, and not
//! standardised.

use std::io::Read;

use flate2::read::GzDecoder;

use super::images::{Images, Levels};
use super::{Dataset, Entry, Source};
use crate::error::DataError;

pub(super) const ENTRY: Entry = Entry {
    name: NAME,
    argument: "",
    summary: "8x8 handwritten digits, 1438 training and 359 test rows, embedded",
    source: Source::Embedded,
    load: |request| {
        request.no_argument()?;
        parse(FILE)
    },
};

const NAME: &str = "digits";
const FILE: &[u8] = include_bytes!("../../assets/digits.csv.gz");
const SHAPE: [usize; 3] = [1, 8, 8];
const PIXELS: usize = 64;
const CLASSES: u8 = 10;
const WHITE: u8 = 16;
const TEST_EVERY: usize = 5;

fn parse(file: &[u8]) -> Result<Dataset, DataError> {
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .map_err(|source| DataError::Unpack { name: NAME, source })?;
    let (mut train, mut test) = (Images::new(SHAPE), Images::new(SHAPE));
    for (index, line) in text.lines().enumerate() {
        let (pixels, class) = row(line).map_err(|problem| DataError::Row {
            name: NAME,
            row: index + 1,
            problem,
        })?;
        let split = if (index + 1) % TEST_EVERY == 0 {
            &mut test
        } else {
            &mut train
        };
        split.push(&pixels, u16::from(class));
    }
    let levels = Levels::fractions(1, WHITE);
    Ok(Dataset::of_images(
        train,
        test,
        usize::from(CLASSES),
        levels,
    ))
}

fn row(line: &str) -> Result<([u8; PIXELS], u8), String> {
    let numbers = line
        .split(',')
        .map(|field| {
            field
                .parse::<u8>()
                .map_err(|_| format!("`{field}` is not a whole number"))
        })
        .collect::<Result<Vec<u8>, String>>()?;
    let (class, pixels) = numbers.split_last().ok_or("it is empty")?;
    let pixels: [u8; PIXELS] = pixels
        .try_into()
        .map_err(|_| format!("{} numbers instead of {}", numbers.len(), PIXELS + 1))?;
    match pixels.iter().find(|pixel| **pixel > WHITE) {
        Some(pixel) => Err(format!("pixel {pixel} is above {WHITE}")),
        None if *class >= CLASSES => Err(format!("class {class} is above {}", CLASSES - 1)),
        None => Ok((pixels, *class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use std::io::Write;

    #[test]
    fn the_embedded_file_is_whole() {
        let data = parse(FILE).unwrap();
        assert_eq!((data.train.len(), data.test.len()), (1438, 359));
        let mut counts = [0; 10];
        for split in [&data.train, &data.test] {
            let rows: Vec<usize> = (0..split.len()).collect();
            let (_, labels) = split.batch(&rows, &Device::flex());
            for label in labels.into_data().iter::<i64>() {
                counts[label as usize] += 1;
            }
        }
        // The class counts that UCI states for this file.
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn damaged_files_are_refused_with_the_row() {
        let message = |text: &str| {
            let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            zip.write_all(text.as_bytes()).unwrap();
            parse(&zip.finish().unwrap()).unwrap_err().to_string()
        };
        let good = format!("{}7\n", "0,".repeat(64));
        assert!(message(&format!("{good}1,2\n")).contains("row 2: 2 numbers instead of 65"));
        assert!(message(&good.replace('7', "10")).contains("class 10 is above 9"));
        assert!(message(&good.replacen('0', "17", 1)).contains("pixel 17 is above 16"));
        assert!(message(&good.replacen('0', "x", 1)).contains("`x` is not a whole number"));
        assert!(parse(&FILE[..1000]).is_err());
    }
}
