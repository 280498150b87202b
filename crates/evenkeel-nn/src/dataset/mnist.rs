//! MNIST and Fashion-MNIST: 28×28 grey images of ten classes in four compressed IDX files each.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::formats::bounded::Bounded;
use super::formats::idx;
use super::images::{Images, Levels};
use super::{Dataset, Entry, Request, Source};
use crate::error::DataError;
use crate::store::{OfficialFile, Store};

/// Handwritten digits (LeCun, Cortes and Burges).
pub(super) const MNIST: Entry = Entry {
    name: "mnist",
    argument: "",
    summary: "28x28 handwritten digits, 60000 + 10000 rows",
    source: Source::Official(&MNIST_FILES),
    load: |request| load(request, &MNIST_FILES),
};

/// Articles of clothing (Xiao, Rasul and Vollgraf 2017).
pub(super) const FASHION: Entry = Entry {
    name: "fashion-mnist",
    argument: "",
    summary: "28x28 articles of clothing, 60000 + 10000 rows",
    source: Source::Official(&FASHION_FILES),
    load: |request| load(request, &FASHION_FILES),
};

const MNIST_PLACES: &[&str] = &[
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
];
const FASHION_PLACES: &[&str] = &[
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
];
/// Training images and labels, test images and labels.
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];
const MNIST_FILES: [OfficialFile; 4] = [
    file(
        0,
        MNIST_PLACES,
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    file(
        1,
        MNIST_PLACES,
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    file(
        2,
        MNIST_PLACES,
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    file(
        3,
        MNIST_PLACES,
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
];
const FASHION_FILES: [OfficialFile; 4] = [
    file(
        0,
        FASHION_PLACES,
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    file(
        1,
        FASHION_PLACES,
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    file(
        2,
        FASHION_PLACES,
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    file(
        3,
        FASHION_PLACES,
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
];

const SIDE: usize = 28;
const CLASSES: u8 = 10;
/// Bytes before the labels in their file.
const LABELS_HEADER: u64 = 8;

const fn file(
    index: usize,
    places: &'static [&'static str],
    bytes: u64,
    sha256: &'static str,
) -> OfficialFile {
    OfficialFile {
        name: NAMES[index],
        bytes,
        sha256,
        places,
    }
}

fn load(request: &Request, files: &[OfficialFile; 4]) -> Result<Dataset, DataError> {
    request.no_argument()?;
    let store = Store::locate()?;
    let open = |file: &OfficialFile| {
        let opened = store.open(request.name, file)?;
        Ok(unpack(
            BufReader::new(opened),
            &store.path(request.name, file),
        ))
    };
    let [images, labels, test_images, test_labels] = files.each_ref().map(open);
    let train = split(&mut images?, &mut labels?)?;
    let test = split(&mut test_images?, &mut test_labels?)?;
    let levels = Levels::standardised(&train);
    Ok(Dataset::of_images(
        train,
        test,
        usize::from(CLASSES),
        levels,
    ))
}

/// The IDX reader has a bound of its own, below this one.
fn unpack<R: BufRead>(file: R, path: &Path) -> Bounded<MultiGzDecoder<R>> {
    Bounded::new(
        MultiGzDecoder::new(file),
        path.to_owned(),
        2 * idx::MAX_BYTES,
    )
}

/// Images and their labels, as many of one as of the other.
fn split(
    images: &mut Bounded<impl Read>,
    labels: &mut Bounded<impl Read>,
) -> Result<Images, DataError> {
    let ([count, height, width], pixels) = idx::read(images)?;
    if [height, width] != [SIDE; 2] {
        let problem = format!("images of {height} x {width} pixels instead of {SIDE} x {SIDE}");
        return Err(images.wrong(4, problem));
    }
    let ([label_count], classes) = idx::read(labels)?;
    if label_count != count {
        let problem = format!("{label_count} labels instead of one for each of {count} images");
        return Err(labels.wrong(4, problem));
    }
    if let Some(row) = classes.iter().position(|class| *class >= CLASSES) {
        let problem = format!("class {} is above {}", classes[row], CLASSES - 1);
        return Err(labels.wrong(LABELS_HEADER + row as u64, problem));
    }
    let labels = classes.into_iter().map(u16::from).collect();
    Ok(Images::of([1, height, width], pixels, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// Two images and their labels.
    fn images() -> Vec<u8> {
        let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
        let pixels = (0..2 * 28 * 28).map(|i| (i % 251) as u8);
        header.into_iter().chain(pixels).collect()
    }

    const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 7, 0];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn parse(images: &[u8], labels: &[u8]) -> Result<Images, String> {
        let images = &mut unpack(images, Path::new("images"));
        let labels = &mut unpack(labels, Path::new("labels"));
        split(images, labels).map_err(|error| error.to_string())
    }

    fn refusal(images: &[u8], labels: &[u8]) -> String {
        parse(&gzip(images), &gzip(labels)).unwrap_err()
    }

    #[test]
    fn whole_files_are_read() {
        let read = parse(&gzip(&images()), &gzip(&LABELS)).unwrap();
        assert_eq!((read.len(), read.labels()), (2, &[7, 0][..]));
        let mut numbers = Vec::new();
        let as_they_are = Levels::fractions(1, 1);
        read.append(
            1,
            crate::augment::Transform::NONE,
            &as_they_are,
            &mut numbers,
        );
        assert_eq!(numbers[..2], [(784 % 251) as f32, (785 % 251) as f32]);
    }

    #[test]
    fn files_cut_off_anywhere_are_refused_with_the_offset() {
        for length in 0..images().len() {
            let said = refusal(&images()[..length], &LABELS);
            assert_eq!(said, format!("images, byte {length}: it is cut off here"));
        }
        for length in 0..LABELS.len() {
            let said = refusal(&images(), &LABELS[..length]);
            assert_eq!(said, format!("labels, byte {length}: it is cut off here"));
        }
        let packed = gzip(&images());
        for length in 0..packed.len() {
            let said = parse(&packed[..length], &gzip(&LABELS)).unwrap_err();
            assert!(said.starts_with("images, byte "), "{said}");
        }
    }

    #[test]
    fn counts_and_values_that_make_no_sense_are_refused_with_the_offset() {
        let changed = |offset: usize, value: u8| {
            let mut bytes = images();
            bytes[offset] = value;
            refusal(&bytes, &LABELS)
        };
        assert!(changed(0, 1).contains("images, byte 0: 1 instead of 0"));
        assert!(changed(2, 13).contains("byte 2: 13 instead of 8"));
        assert!(changed(3, 1).contains("byte 3: 1 instead of 3"));
        assert!(changed(7, 0).contains("byte 4: a count of 0 makes no sense"));
        // 2^24 + 2 images would take 13 GB; the last count that exceeds the bound is named.
        assert!(changed(4, 1).contains("byte 12: a count of 28 makes no sense"));
        assert!(changed(8, 255).contains("byte 8: a count of 4278190108 makes no sense"));
        assert!(changed(7, 1).contains("byte 800: it should end here"));
        assert!(changed(7, 3).contains("byte 1584: it is cut off here"));
        assert!(changed(11, 14).contains("byte 800: it should end here"));
        let two = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9];
        assert!(refusal(&two, &LABELS).contains("byte 4: images of 1 x 1 pixels"));
        let labels = |offset: usize, value: u8| {
            let mut bytes = LABELS.to_vec();
            bytes[offset] = value;
            refusal(&images(), &bytes)
        };
        assert!(labels(9, 10).contains("labels, byte 9: class 10 is above 9"));
        let three = [&LABELS[..7], &[3, 1, 2, 3]].concat();
        assert!(
            refusal(&images(), &three).contains("byte 4: 3 labels instead of one for each of 2")
        );
    }

    #[test]
    fn flipped_bits_never_get_through_the_checksum() {
        let packed = gzip(&images());
        let whole = parse(&packed, &gzip(&LABELS)).unwrap();
        for bit in 0..packed.len() * 8 {
            let mut bytes = packed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Some bits say nothing, such as those of the header's time.
            if let Ok(read) = parse(&bytes, &gzip(&LABELS)) {
                assert!(read == whole, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_bomb_is_left_where_it_should_have_ended() {
        // A gigabyte of zeros in a few megabytes would do; 64 MB show it as well.
        let mut bomb = images();
        bomb.resize(64 << 20, 0);
        assert!(refusal(&bomb, &LABELS).contains("images, byte 1584: it should end here"));
        // Counts at the bound take no memory before the bytes for them arrive.
        let mut greedy = images();
        greedy[4..16].copy_from_slice(&[0, 20, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28]);
        assert!(refusal(&greedy, &LABELS).contains("images, byte 1584: it is cut off here"));
    }
}
