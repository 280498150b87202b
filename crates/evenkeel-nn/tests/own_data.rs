//! Data of one's own: images in folders, texts, and what is made up.

#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::path::Path;

use evenkeel_nn::dataset::{self, Dataset, Request};
use evenkeel_nn::error::DataError;
use evenkeel_nn::example::{Example, Input};

use folder::Folder;

const JPEG: &[u8] = include_bytes!("assets/gradient.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("assets/progressive.jpg");
const GREY_JPEG: &[u8] = include_bytes!("assets/grey.jpg");

fn load(data: &str, context: usize) -> Result<Dataset, DataError> {
    let (entry, argument) = dataset::find(data).unwrap();
    (entry.load)(&Request {
        name: entry.name,
        argument,
        context,
        seed: 1,
    })
}

fn refusal(data: &str) -> String {
    load(data, 4).unwrap_err().to_string()
}

fn at(kind: &str, path: &Path) -> String {
    format!("{kind}:{}", path.display())
}

fn png(color: png::ColorType, width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A picture of two pixels, one above the other.
fn rgb(pixels: [u8; 6]) -> Vec<u8> {
    png(png::ColorType::Rgb, 1, 2, &pixels)
}

/// All rows of a split in order.
fn rows(split: &dataset::Split) -> (Vec<f32>, Vec<i64>) {
    let all: Vec<usize> = (0..split.len()).collect();
    let (input, labels) = split.batch(&all, &Default::default());
    let numbers = input.numbers().into_data().try_to_vec().unwrap();
    (numbers, labels.into_data().iter::<i64>().collect())
}

#[test]
fn images_below_train_and_test_are_read_by_plane_and_standardised() {
    let folder = Folder::new("folders");
    folder.write("train/b/1.png", rgb([10, 50, 7, 10, 60, 7]));
    folder.write("train/a/1.PNG", rgb([20, 90, 7, 20, 40, 7]));
    folder.write("test/a/1.png", rgb([20, 60, 9, 10, 60, 7]));
    folder.write("test/b/1.png", rgb([10, 60, 7, 10, 60, 7]));
    folder.write("train/a/.hidden", "is passed over");
    folder.write("train/README.txt", "is no class");
    let data = load(&at("folder", folder.path()), 4).unwrap();
    assert_eq!(data.classes, 2);
    assert_eq!(data.example.dims(), [3, 2, 1]);
    let (numbers, labels) = rows(&data.train);
    assert_eq!(
        labels,
        [0, 1],
        "classes are numbered by name and take turns"
    );
    // Red is 15 ± 5 in training; green 60 with variance (100 + 0 + 900 + 400) / 4; blue is constant.
    let green = |pixel: f32| (pixel - 60.0) / 350f32.sqrt();
    let expected = [
        [1.0, 1.0, green(90.0), green(40.0), 0.0, 0.0],
        [-1.0, -1.0, green(50.0), green(60.0), 0.0, 0.0],
    ];
    for (number, expected) in numbers.iter().zip(expected.as_flattened()) {
        assert!((number - expected).abs() < 1e-6, "{numbers:?}");
    }
    // The test images go by the training images' statistics.
    assert_eq!(rows(&data.test).0[..2], [1.0, -1.0]);
}

#[test]
fn without_test_folders_every_fifth_of_a_class_is_a_test_row() {
    let folder = Folder::new("split");
    for index in 0..10 {
        folder.write(&format!("a/{index}.png"), rgb([index; 6]));
        folder.write(&format!("b/{index}.png"), rgb([100 + index; 6]));
    }
    let data = load(&at("folder", folder.path()), 4).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (16, 4));
    assert_eq!(rows(&data.train).1[..6], [0, 1, 0, 1, 0, 1]);
    assert_eq!(rows(&data.test).1, [0, 1, 0, 1]);
    let red = |numbers: Vec<f32>| -> Vec<f32> { numbers.chunks(6).map(|row| row[0]).collect() };
    let (train, test) = (red(rows(&data.train).0), red(rows(&data.test).0));
    assert!(train[0] < train[2] && train[30 / 2 - 1] < test[2]);
    assert_eq!(
        load(&at("folder", folder.path()), 4).unwrap().train.len(),
        16
    );
}

#[test]
fn jpegs_decode_and_grey_sets_have_one_channel() {
    let folder = Folder::new("jpeg");
    for (class, jpeg) in [("a", JPEG), ("b", PROGRESSIVE)] {
        for index in 0..5 {
            folder.write(&format!("rgb/{class}/{index}.jpeg"), jpeg);
            folder.write(&format!("grey/{class}/{index}.jpg"), GREY_JPEG);
        }
    }
    let data = load(&at("folder", &folder.path().join("grey")), 4).unwrap();
    assert_eq!(data.example.dims(), [1, 8, 8]);
    let data = load(&at("folder", &folder.path().join("rgb")), 4).unwrap();
    assert_eq!(data.example.dims(), [3, 8, 8]);
    // Red rises to the right, green downwards, blue falls to the right: in both encodings.
    let (numbers, _) = rows(&data.train);
    for image in [&numbers[..192], &numbers[192..384]] {
        let at = |channel: usize, y: usize, x: usize| image[channel * 64 + y * 8 + x];
        assert!(
            at(0, 3, 6) > at(0, 3, 1) && at(1, 6, 3) > at(1, 1, 3) && at(2, 3, 6) < at(2, 3, 1)
        );
        assert!((at(0, 1, 3) - at(0, 6, 3)).abs() < 0.2);
    }
}

#[test]
fn bytes_behind_the_end_of_a_jpeg_are_passed_over() {
    let folder = Folder::new("trailing");
    let set = |name: &str, behind: &[u8]| {
        for class in ["a", "b"] {
            for index in 0..5 {
                let jpeg = [JPEG, behind].concat();
                folder.write(&format!("{name}/{class}/{index}.jpg"), jpeg);
            }
        }
        let data = load(&at("folder", &folder.path().join(name)), 4).unwrap();
        rows(&data.train).0
    };
    let plain = set("plain", &[]);
    // Padding, a start of a scan without an end, and a second picture, as phones write them.
    let behind = [vec![0; 100], vec![0xff, 0xda, 0, 4, 1], JPEG.to_vec()];
    for (index, behind) in behind.iter().enumerate() {
        assert_eq!(set(&format!("behind{index}"), behind), plain);
    }
}

#[test]
fn folders_that_make_no_sense_are_refused_with_the_place() {
    let folder = Folder::new("nonsense");
    let name = at("folder", folder.path());
    assert!(refusal("folder:").contains("needs a path"));
    assert!(refusal(&at("folder", &folder.path().join("nowhere"))).contains("nowhere"));
    assert!(refusal(&name).contains("0 folders"));
    folder.write("a/1.png", rgb([1; 6]));
    folder.write("b/1.png", rgb([1; 6]));
    assert!(refusal(&name).contains("none is left to test on"));
    for index in 2..6 {
        folder.write(&format!("a/{index}.png"), rgb([1; 6]));
    }
    assert!(load(&name, 4).is_ok());
    let other = folder.write("a/2.png", png(png::ColorType::Rgb, 2, 1, &[0; 6]));
    let said = refusal(&name);
    assert!(
        said.contains("2.png: it has 1 rows of 2 pixels, the images before it 2 of 1"),
        "{said}"
    );
    fs::write(&other, "GIF89a").unwrap();
    assert!(refusal(&name).contains("2.png: it begins neither like a JPEG nor like a PNG"));
    fs::rename(&other, other.with_extension("gif")).unwrap();
    assert!(refusal(&name).contains("2.gif: it is not .jpg, .jpeg or .png"));
    fs::remove_file(other.with_extension("gif")).unwrap();
    fs::create_dir(folder.path().join("c")).unwrap();
    assert!(refusal(&name).contains("c: it has no images"));
    folder.write("train/a/1.png", rgb([1; 6]));
    folder.write("train/b/1.png", rgb([1; 6]));
    assert!(refusal(&name).contains("train/, but neither test/ nor val/; folder:"));
    folder.write("val/a/1.png", rgb([1; 6]));
    folder.write("val/b/1.png", rgb([1; 6]));
    assert_eq!(load(&name, 4).unwrap().train.len(), 2);
    folder.write("test/a/1.png", rgb([1; 6]));
    folder.write("test/x/1.png", rgb([1; 6]));
    assert!(refusal(&name).contains("b: this class is only below train"));
    folder.write("test/b/1.png", rgb([1; 6]));
    assert!(refusal(&name).contains("x: this class is not below train"));
}

/// What reading a damaged image after a good one says, if it is refused.
fn damaged(folder: &Folder, name: &str, bytes: &[u8]) -> Option<String> {
    folder.write(&format!("train/b/{name}"), bytes);
    load(&at("folder", folder.path()), 4)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn truncated_and_hostile_images_are_refused_with_their_name() {
    let grey_png = png(png::ColorType::Grayscale, 3, 2, &[1, 2, 3, 4, 5, 6]);
    for (name, good) in [
        ("x.jpg", JPEG),
        ("x.jpg", PROGRESSIVE),
        ("x.png", &grey_png),
    ] {
        let folder = Folder::new("damaged-image");
        let sound = if name == "x.png" { &grey_png } else { JPEG };
        for image in ["train/a/1.png", "test/a/1.png", "test/b/1.png"] {
            folder.write(image, sound);
        }
        assert_eq!(damaged(&folder, name, good), None);
        for length in 0..good.len() {
            let said = damaged(&folder, name, &good[..length]);
            assert!(
                said.is_some_and(|said| said.contains(name)),
                "{name} cut to {length} bytes"
            );
        }
        // Flipped bits are refused, or give an image of the same shape: nothing panics or swells.
        for bit in 0..good.len() * 8 {
            let mut bytes = good.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            damaged(&folder, name, &bytes);
        }
    }
    let folder = Folder::new("huge-image");
    for image in ["train/a/1.png", "test/a/1.png", "test/b/1.png"] {
        folder.write(image, rgb([1; 6]));
    }
    // 4 GiB a channel, by the header of a file of 100 bytes.
    let mut huge = rgb([1; 6]);
    huge[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let checksum = crc32(&huge[12..29]).to_be_bytes();
    huge[29..33].copy_from_slice(&checksum);
    let said = damaged(&folder, "x.png", &huge).unwrap();
    assert!(
        said.contains("65535 rows of 65535 pixels; 1 to 4096"),
        "{said}"
    );
    let mut huge = JPEG.to_vec();
    let frame = huge
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let said = damaged(&folder, "x.jpg", &huge).unwrap();
    assert!(said.contains("65535") && said.contains("x.jpg"), "{said}");
}

/// The checksum of a PNG chunk, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            0xedb8_8320 ^ (crc >> 1)
        } else {
            crc >> 1
        }
    };
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    })
}

#[test]
fn characters_are_numbered_by_their_place_in_the_alphabet() {
    let folder = Folder::new("text");
    let text = "cab\nä".repeat(20);
    let path = folder.write("t.txt", &text);
    let data = load(&at("text", &path), 9).unwrap();
    assert_eq!(
        data.example,
        Example::Tokens {
            vocabulary: 5,
            context: 9
        }
    );
    assert_eq!((data.classes, data.train.len(), data.test.len()), (5, 9, 1));
    let (input, labels) = data.train.batch(&[1], &Default::default());
    let Input::Tokens(tokens) = input else {
        panic!("text is tokens")
    };
    assert_eq!(tokens.dims(), [1, 9]);
    // Newline 0, a 1, b 2, c 3, ä 4; the second window begins at the tenth character.
    let expected: Vec<i64> = [3, 1, 2, 0, 4].repeat(4)[9..19].to_vec();
    assert_eq!(
        tokens.into_data().iter::<i64>().collect::<Vec<_>>(),
        expected[..9]
    );
    assert_eq!(
        labels.into_data().iter::<i64>().collect::<Vec<_>>(),
        expected[1..]
    );

    let bytes = load(&at("bytes", &path), 9).unwrap();
    assert_eq!(bytes.classes, 256);
    assert_eq!(bytes.train.len(), (text.len() * 9 / 10 - 1) / 9);
}

#[test]
fn texts_that_make_no_sense_are_refused_with_the_place() {
    let folder = Folder::new("no-text");
    let path = folder.write("t.txt", b"abcd\xff\xfe and so on, and so on, and so on");
    let said = refusal(&at("text", &path));
    assert!(
        said.contains("t.txt, byte 4: this is not UTF-8; data set bytes:"),
        "{said}"
    );
    assert!(
        refusal(&at("bytes", &path))
            .contains("too few for a `context` of 4: the last tenth needs 5")
    );
    assert!(load(&at("bytes", &path), 2).is_ok());
    assert!(refusal(&at("text", folder.path())).contains("evenkeel-nn-no-text"));
    let empty = folder.write("empty.txt", "");
    assert!(refusal(&at("text", &empty)).contains("it has 0 tokens"));
    // More than can be told apart is refused, not wrapped around.
    let every: String = (0..=char::MAX as u32)
        .filter_map(char::from_u32)
        .take(65_537)
        .collect();
    let every = folder.write("every.txt", every);
    assert!(refusal(&at("text", &every)).contains("65537 different characters"));
}

#[test]
fn made_up_images_have_the_shape_asked_for_and_classes_in_turn() {
    let data = load("synthetic:1x5x4", 4).unwrap();
    assert_eq!(data.example.dims(), [1, 5, 4]);
    let (numbers, labels) = rows(&data.test);
    assert_eq!(labels[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    // Class means are told apart: rows are nearer to their own class than to the others on average.
    let distance = |a: usize, b: usize| -> f32 {
        let row = |i: usize| &numbers[i * 20..][..20];
        row(a)
            .iter()
            .zip(row(b))
            .map(|(x, y)| (x - y).powi(2))
            .sum()
    };
    let mean = |offset: usize| (0..400).map(|i| distance(i, i + offset)).sum::<f32>() / 400.0;
    assert!(mean(10) < 0.7 * mean(11), "{} and {}", mean(10), mean(11));
    for wrong in [
        "synthetic:3x32",
        "synthetic:3x32x32x1",
        "synthetic:0x1x1",
        "synthetic:1x1x257",
        "synthetic:",
    ] {
        assert!(
            refusal(wrong).contains("three whole numbers from 1 to 256"),
            "{wrong}"
        );
    }
    assert!(refusal("digits:8").contains("`digits:8`: it takes nothing"));
}
