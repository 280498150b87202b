//! Images in folders named for their classes: `PATH/train/CLASS/IMAGE` and `PATH/test/CLASS/IMAGE`
//! (or `val`), or `PATH/CLASS/IMAGE`, of which every fifth of a class, by name, is a test row.
//!
//! All images have one size. They are decoded once. A set of grey images has one channel, any other
//! three; pixels are standardised by channel. Rows go through the classes in turn, so that
//! neighbours are no more alike than others.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::formats::picture::Picture;
use super::images::{Images, Levels};
use super::{Dataset, Entry, Source};
use crate::error::DataError;

pub(super) const ENTRY: Entry = Entry {
    name: "folder",
    argument: ":PATH",
    summary: "images in class folders, below train/ and test/ or split 4 to 1",
    source: Source::Own,
    load: |request| load(request.path()?),
};

const TEST_EVERY: usize = 5;
const TEST_FOLDERS: [&str; 2] = ["test", "val"];
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];
/// A bound on decoded pixels, all of which are kept in memory.
const MAX_BYTES: usize = 16 << 30;

/// The image files of each class.
type Classes = Vec<Vec<PathBuf>>;

fn load(root: &Path) -> Result<Dataset, DataError> {
    let (names, train, test) = find(root)?;
    let mut size = None;
    let mut train = Decoded::read(&train, &mut size)?;
    let mut test = Decoded::read(&test, &mut size)?;
    if train.images.is_empty() || test.images.is_empty() {
        let problem =
            format!("its classes have fewer than {TEST_EVERY} images: none is left to test on");
        return Err(unusable(root, problem));
    }
    if train.grey && test.grey {
        for set in [&mut train, &mut test] {
            set.images = set.images.first_channel();
        }
    }
    let levels = Levels::standardised(&train.images);
    Ok(Dataset::of_images(
        train.images,
        test.images,
        names.len(),
        levels,
    ))
}

/// The names of the classes, and their files to train and to test on.
fn find(root: &Path) -> Result<(Vec<OsString>, Classes, Classes), DataError> {
    let train = root.join("train");
    if !train.is_dir() {
        let names = class_names(root)?;
        let (train, test) = split(&files(root, &names)?);
        return Ok((names, train, test));
    }
    let mut tests = TEST_FOLDERS.iter().map(|name| root.join(name));
    let test = tests.find(|test| test.is_dir()).ok_or_else(|| {
        let advice = format!("folder:{} would be split", train.display());
        unusable(
            root,
            format!("it has train/, but neither test/ nor val/; {advice}"),
        )
    })?;
    let names = class_names(&train)?;
    refuse_other_classes(&test, &names)?;
    let (train, test) = (files(&train, &names)?, files(&test, &names)?);
    Ok((names, train, test))
}

/// The folders in a folder, by name.
fn class_names(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let names: Vec<OsString> = entries(folder)?
        .into_iter()
        .filter(|name| folder.join(name).is_dir())
        .collect();
    if (2..=usize::from(u16::MAX)).contains(&names.len()) {
        return Ok(names);
    }
    let problem = format!(
        "it has {} folders, but needs one for each class, of which 2 to {} are permitted",
        names.len(),
        u16::MAX
    );
    Err(unusable(folder, problem))
}

/// What is in a folder, by name, apart from what is hidden.
fn entries(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let name = entry.map_err(DataError::io(folder))?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn refuse_other_classes(test: &Path, names: &[OsString]) -> Result<(), DataError> {
    let found = entries(test)?;
    let missing = names.iter().find(|name| found.binary_search(name).is_err());
    let other = found
        .iter()
        .find(|name| names.binary_search(name).is_err() && test.join(name).is_dir());
    match (missing, other) {
        (Some(name), _) => Err(unusable(&test.join(name), "this class is only below train")),
        (_, Some(name)) => Err(unusable(&test.join(name), "this class is not below train")),
        (None, None) => Ok(()),
    }
}

/// The images of each class by name. Anything else among them is refused rather than passed over.
fn files(folder: &Path, names: &[OsString]) -> Result<Classes, DataError> {
    let class = |name: &OsString| {
        let folder = folder.join(name);
        let images: Vec<PathBuf> = entries(&folder)?
            .iter()
            .map(|name| folder.join(name))
            .collect();
        if images.is_empty() {
            return Err(unusable(&folder, "it has no images"));
        }
        match images.iter().find(|path| !has_image_extension(path)) {
            None => Ok(images),
            Some(other) => Err(unusable(
                other,
                "it is not .jpg, .jpeg or .png; move it elsewhere",
            )),
        }
    };
    names.iter().map(class).collect()
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    EXTENSIONS
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// Every fifth image of each class to test on.
fn split(classes: &Classes) -> (Classes, Classes) {
    let pick = |test: bool| {
        let class = |files: &Vec<PathBuf>| {
            let numbered = files.iter().enumerate();
            numbered
                .filter(|(index, _)| ((index + 1) % TEST_EVERY == 0) == test)
                .map(|(_, path)| path.clone())
                .collect()
        };
        classes.iter().map(class).collect()
    };
    (pick(false), pick(true))
}

/// The classes in turn, each spread evenly over all rows.
fn interleave(classes: &Classes) -> Vec<(&Path, u16)> {
    let mut rows = Vec::new();
    for (label, files) in (0..).zip(classes) {
        for (index, path) in files.iter().enumerate() {
            let place = (index as f64 + 0.5) / files.len() as f64;
            rows.push((place, label, path.as_path()));
        }
    }
    rows.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    rows.into_iter()
        .map(|(_, label, path)| (path, label))
        .collect()
}

/// Decoded images in three channels.
struct Decoded {
    images: Images,
    grey: bool,
}

impl Decoded {
    /// Decodes images, all of the size of the very first.
    fn read(classes: &Classes, size: &mut Option<[usize; 2]>) -> Result<Self, DataError> {
        let rows = interleave(classes);
        let (mut images, mut grey) = (Images::new([0; 3]), true);
        for (path, label) in &rows {
            let picture = Picture::read(path, *size)?;
            let [height, width] = *size.insert(picture.size);
            if images.is_empty() {
                images = Images::new([3, height, width]);
                refuse_too_many(path, rows.len().saturating_mul(images.size()))?;
                images.reserve(rows.len());
            }
            grey &= picture.grey;
            images.push(&picture.planes, *label);
        }
        Ok(Self { images, grey })
    }
}

fn refuse_too_many(first: &Path, bytes: usize) -> Result<(), DataError> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let problem = format!(
        "all images together would take {bytes} bytes of memory, of which at most {MAX_BYTES} are \
         permitted; make them smaller"
    );
    Err(unusable(first, problem))
}

fn unusable(path: &Path, problem: impl Into<String>) -> DataError {
    DataError::Unusable {
        path: path.to_owned(),
        problem: problem.into(),
    }
}
