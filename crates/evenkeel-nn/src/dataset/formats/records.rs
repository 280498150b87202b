//! Images as binary records in a tar archive: a label (CIFAR-100: the coarse one, then the fine one,
//! which counts), then red, green and blue, 32×32 pixels each.

use std::io::{self, Read};

use tar::{Archive, Entry as Member};

use super::bounded::Bounded;
use crate::dataset::images::Images;
use crate::error::DataError;

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// The members of an archive.
pub struct Layout {
    /// Bytes before the pixels of a record; the last of them is its label.
    pub labels: usize,
    /// Number of classes.
    pub classes: u8,
    /// Records to train on.
    pub train: Part,
    /// Records to test on.
    pub test: Part,
}

/// Files with as many records in each.
pub struct Part {
    /// Their names, in the order of their records.
    pub names: &'static [&'static str],
    /// Records in each.
    pub records: usize,
}

/// Training and test images of an unpacked archive.
///
/// # Errors
/// [`DataError::Malformed`] with the offset in the unpacked archive.
pub fn parse(mut archive: Bounded<impl Read>, layout: &Layout) -> Result<[Images; 2], DataError> {
    let mut sets = [&layout.train, &layout.test].map(Set::new);
    match read_members(&mut archive, layout, &mut sets) {
        Ok(()) => {}
        Err(Problem::Reading(error)) => return Err(archive.failed(&error)),
        Err(Problem::At(offset, problem)) => return Err(archive.wrong(offset, problem)),
    }
    let missing = sets.iter().find_map(Set::missing);
    match missing {
        Some(name) => Err(archive.wrong(archive.offset(), format!("it ends without {name}"))),
        None => Ok(sets.map(|set| Images::of(SHAPE, set.pixels, set.labels))),
    }
}

/// An error in an archive.
enum Problem {
    Reading(io::Error),
    At(u64, String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Reading(error)
    }
}

/// Reads the files that are wanted, in whatever order they come, and all the rest to its end.
fn read_members(
    archive: &mut impl Read,
    layout: &Layout,
    sets: &mut [Set; 2],
) -> Result<(), Problem> {
    let mut members = Archive::new(&mut *archive);
    for member in members.entries()? {
        let mut member = member?;
        for set in &mut *sets {
            if let Some(index) = set.index(&member.path_bytes()) {
                set.read(index, layout, &mut member)?;
            }
        }
    }
    io::copy(archive, &mut io::sink())?;
    Ok(())
}

/// The images of a part while they are collected.
struct Set<'a> {
    part: &'a Part,
    found: Vec<bool>,
    pixels: Vec<u8>,
    labels: Vec<u16>,
}

impl<'a> Set<'a> {
    fn new(part: &'a Part) -> Self {
        let files = part.names.len();
        Self {
            part,
            found: vec![false; files],
            pixels: vec![0; files * part.records * PIXELS],
            labels: vec![0; files * part.records],
        }
    }

    fn index(&self, name: &[u8]) -> Option<usize> {
        self.part
            .names
            .iter()
            .position(|known| known.as_bytes() == name)
    }

    fn missing(&self) -> Option<&'a str> {
        self.found
            .iter()
            .position(|found| !found)
            .map(|index| self.part.names[index])
    }

    /// Reads the records of a file into their places.
    fn read(
        &mut self,
        index: usize,
        layout: &Layout,
        member: &mut Member<impl Read>,
    ) -> Result<(), Problem> {
        let (name, records, start) = (
            self.part.names[index],
            self.part.records,
            member.raw_file_position(),
        );
        if std::mem::replace(&mut self.found[index], true) {
            return Err(Problem::At(start, format!("{name} comes twice")));
        }
        let expected = (records * (layout.labels + PIXELS)) as u64;
        if member.size() != expected {
            let problem = format!("{name} has {} bytes instead of {expected}", member.size());
            return Err(Problem::At(start, problem));
        }
        let rows = index * records..(index + 1) * records;
        let pixels = &mut self.pixels[rows.start * PIXELS..rows.end * PIXELS];
        let places = self.labels[rows]
            .iter_mut()
            .zip(pixels.chunks_exact_mut(PIXELS));
        let mut head = vec![0; layout.labels];
        for (record, (label, pixels)) in places.enumerate() {
            member.read_exact(&mut head)?;
            member.read_exact(pixels)?;
            let class = head[layout.labels - 1];
            if class >= layout.classes {
                let offset = start + (record * (layout.labels + PIXELS) + layout.labels - 1) as u64;
                let problem = format!("class {class} is above {}", layout.classes - 1);
                return Err(Problem::At(offset, problem));
            }
            *label = class.into();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::images::Levels;
    use proptest::prelude::*;

    /// Two coarse labels' worth of records in three files.
    const SMALL: Layout = Layout {
        labels: 2,
        classes: 100,
        train: Part {
            names: &["d/1.bin", "d/2.bin"],
            records: 2,
        },
        test: Part {
            names: &["d/t.bin"],
            records: 2,
        },
    };
    const RECORD: usize = 2 + PIXELS;

    /// Two records: labels `first` and the one after it, pixels all of that number.
    fn records(first: u8) -> Vec<u8> {
        let record = |label: u8| [99, label].into_iter().chain([label; PIXELS]);
        record(first).chain(record(first + 1)).collect()
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// An archive with its files out of order, and one that is not asked for.
    fn whole() -> Vec<u8> {
        let files = [5, 1, 3].map(records);
        let members = ["d/t.bin", "d/readme.html", "d/1.bin", "d/2.bin"];
        let contents: [&[u8]; 4] = [&files[0], b"read me", &files[1], &files[2]];
        archive(&members.into_iter().zip(contents).collect::<Vec<_>>())
    }

    fn read(bytes: &[u8]) -> Result<[Images; 2], String> {
        let archive = Bounded::new(bytes, "a.tar.gz".into(), 1 << 20);
        parse(archive, &SMALL).map_err(|error| error.to_string())
    }

    #[test]
    fn fine_labels_and_planes_are_read_in_the_order_of_the_files() {
        let [train, test] = read(&whole()).unwrap();
        assert_eq!(train.labels(), [1, 2, 3, 4]);
        assert_eq!(test.labels(), [5, 6]);
        let mut numbers = Vec::new();
        let as_they_are = Levels::fractions(3, 1);
        train.append(
            2,
            crate::augment::Transform::NONE,
            &as_they_are,
            &mut numbers,
        );
        assert_eq!(numbers, [3.0; PIXELS]);
    }

    #[test]
    fn archives_cut_off_in_a_header_or_a_record_are_refused_with_the_offset() {
        let bytes = whole();
        // The first header, the first bytes of the first file, and each further header.
        let second = 512 + (2 * RECORD).next_multiple_of(512);
        for length in (0..600).chain(second - 20..second + 600) {
            let said = read(&bytes[..length]).map(|_| ()).unwrap_err();
            assert!(said.starts_with("a.tar.gz, byte "), "{length}: {said}");
            let offset: usize = said["a.tar.gz, byte ".len()..]
                .split(':')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!(offset <= length, "{length}: {said}");
        }
        assert!(
            read(&bytes[..600])
                .unwrap_err()
                .contains("byte 600: it is cut off here")
        );
    }

    #[test]
    fn sizes_labels_and_files_that_make_no_sense_are_refused_with_the_offset() {
        let files = [1, 3, 5].map(records);
        let [one, two, test] = files.each_ref().map(Vec::as_slice);
        let refusal = |members: &[(&str, &[u8])]| read(&archive(members)).unwrap_err();
        let said = refusal(&[("d/1.bin", &one[1..])]);
        assert!(
            said.contains("byte 512: d/1.bin has 6147 bytes instead of 6148"),
            "{said}"
        );
        let said = refusal(&[("d/1.bin", one), ("d/1.bin", one)]);
        assert!(
            said.contains(&format!("byte {}: d/1.bin comes twice", 6656 + 1024)),
            "{said}"
        );
        let said = refusal(&[("d/1.bin", one), ("d/t.bin", test)]);
        assert!(said.contains("it ends without d/2.bin"), "{said}");
        assert!(
            read(&[])
                .unwrap_err()
                .contains("byte 0: it ends without d/1.bin")
        );
        let mut wrong = two.to_vec();
        wrong[RECORD + 1] = 100;
        let said = refusal(&[("d/2.bin", &wrong)]);
        assert!(
            said.contains(&format!("byte {}: class 100 is above 99", 512 + RECORD + 1)),
            "{said}"
        );
    }

    #[test]
    fn an_archive_that_swells_is_left_at_the_bound() {
        let bomb = vec![0; 2 << 20];
        let said = read(&archive(&[("d/other", &bomb)])).unwrap_err();
        assert!(
            said.contains("it unpacks to more than the 1048576 bytes permitted"),
            "{said}"
        );
    }

    proptest! {
        #[test]
        fn damaged_archives_never_panic(at in 0usize..8192, value: u8, cut in 0usize..20_000) {
            let mut bytes = whole();
            let at = at % bytes.len();
            bytes[at] = value;
            bytes.truncate(cut);
            let _ = read(&bytes);
        }
    }
}
