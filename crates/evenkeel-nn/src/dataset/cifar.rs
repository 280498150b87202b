//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 32×32 colour images of 10 and 100 classes, each in one
//! compressed archive of binary records.

use std::io::BufReader;

use flate2::bufread::MultiGzDecoder;

use super::formats::bounded::Bounded;
use super::formats::records::{self, Layout, Part};
use super::images::Levels;
use super::{Dataset, Entry, Request, Source};
use crate::error::DataError;
use crate::store::{OfficialFile, Store};

pub(super) const CIFAR10: Entry = Entry {
    name: "cifar10",
    argument: "",
    summary: "32x32 colour images of 10 classes, 50000 + 10000 rows",
    source: Source::Official(&[FILE10]),
    load: |request| load(request, &FILE10, &LAYOUT10),
};

pub(super) const CIFAR100: Entry = Entry {
    name: "cifar100",
    argument: "",
    summary: "32x32 colour images of 100 classes, 50000 + 10000 rows",
    source: Source::Official(&[FILE100]),
    load: |request| load(request, &FILE100, &LAYOUT100),
};

const PLACES: &[&str] = &["https://www.cs.toronto.edu/~kriz"];
const FILE10: OfficialFile = OfficialFile {
    name: "cifar-10-binary.tar.gz",
    bytes: 170_052_171,
    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    places: PLACES,
};
const FILE100: OfficialFile = OfficialFile {
    name: "cifar-100-binary.tar.gz",
    bytes: 168_513_733,
    sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    places: PLACES,
};

/// A bound on what an archive unpacks to: the official ones have 184 MB.
const MAX_BYTES: u64 = 1 << 28;

const LAYOUT10: Layout = Layout {
    labels: 1,
    classes: 10,
    train: Part {
        names: &[
            "cifar-10-batches-bin/data_batch_1.bin",
            "cifar-10-batches-bin/data_batch_2.bin",
            "cifar-10-batches-bin/data_batch_3.bin",
            "cifar-10-batches-bin/data_batch_4.bin",
            "cifar-10-batches-bin/data_batch_5.bin",
        ],
        records: 10_000,
    },
    test: Part {
        names: &["cifar-10-batches-bin/test_batch.bin"],
        records: 10_000,
    },
};

const LAYOUT100: Layout = Layout {
    labels: 2,
    classes: 100,
    train: Part {
        names: &["cifar-100-binary/train.bin"],
        records: 50_000,
    },
    test: Part {
        names: &["cifar-100-binary/test.bin"],
        records: 10_000,
    },
};

fn load(request: &Request, file: &OfficialFile, layout: &Layout) -> Result<Dataset, DataError> {
    request.no_argument()?;
    let store = Store::locate()?;
    let path = store.path(request.name, file);
    let archive = MultiGzDecoder::new(BufReader::new(store.open(request.name, file)?));
    let [train, test] = records::parse(Bounded::new(archive, path, MAX_BYTES), layout)?;
    let levels = Levels::standardised(&train);
    let classes = usize::from(layout.classes);
    Ok(Dataset::of_images(train, test, classes, levels))
}
