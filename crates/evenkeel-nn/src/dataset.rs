//! Data sets. One file a data set under `dataset/`, one row in [`ALL`].

mod cifar;
mod digits;
mod fingerprint;
mod folder;
mod formats;
mod images;
mod markov;
mod mnist;
mod split;
mod synthetic;
mod text;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::error::DataError;
use crate::example::Example;
use crate::store::OfficialFile;
use images::{Images, Levels};

pub use split::{Batch, Split};

/// A labelled data set in memory, split into training and test rows.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The shape of one row's input.
    pub example: Example,
    /// Number of classes.
    pub classes: usize,
    /// Rows to train on.
    pub train: Split,
    /// Rows to test on.
    pub test: Split,
    /// Computed when it is first asked for, once for all runs on these data.
    sha256: OnceLock<String>,
}

impl Dataset {
    /// Images of one size, in numbers that `levels` says.
    fn of_images(train: Images, test: Images, classes: usize, levels: Levels) -> Self {
        let levels = Arc::new(levels);
        Self {
            example: Example::Image {
                channels: train.channels,
                height: train.height,
                width: train.width,
            },
            classes,
            train: Split::images(train, Arc::clone(&levels)),
            test: Split::images(test, levels),
            sha256: OnceLock::new(),
        }
    }

    /// The same with images `by` times smaller each way, standardised again if they were. None where that is no
    /// whole number of pixels, or where the data are no images.
    pub fn shrunk(&self, by: usize) -> Option<Self> {
        let (train, levels) = self.train.as_images()?;
        let (test, _) = self.test.as_images()?;
        let (train, test) = (train.shrunk(by)?, test.shrunk(by)?);
        let levels = levels.of(&train);
        Some(Self::of_images(train, test, self.classes, levels))
    }

    /// SHA-256 of all that training and evaluation see of these data.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| fingerprint::of(self))
    }
}

/// A request for a data set.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The row's name.
    pub name: &'static str,
    /// The argument after the name and a colon.
    pub argument: Option<&'a str>,
    /// Tokens in an example of a text.
    pub context: usize,
    /// Seed of what is made up.
    pub seed: u64,
}

impl Request<'_> {
    /// The argument as a path.
    fn path(&self) -> Result<&Path, DataError> {
        match self.argument {
            None | Some("") => Err(self.refuse("it needs a path behind the colon")),
            Some(path) => Ok(Path::new(path)),
        }
    }

    /// Refuses an argument.
    fn no_argument(&self) -> Result<(), DataError> {
        match self.argument {
            None => Ok(()),
            Some(_) => Err(self.refuse("it takes nothing behind its name")),
        }
    }

    fn refuse(&self, problem: impl Into<String>) -> DataError {
        DataError::Argument {
            name: self.name,
            given: self.argument.unwrap_or_default().to_owned(),
            problem: problem.into(),
        }
    }
}

/// The origin of a data set.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// It is part of the program.
    Embedded,
    /// Its authors' files, which have to be got first.
    Official(&'static [OfficialFile]),
    /// The user names it.
    Own,
    /// It is computed.
    MadeUp,
}

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// The argument that may follow the name, such as `:PATH`.
    pub argument: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Its origin.
    pub source: Source,
    /// Loads the data set.
    pub load: fn(&Request) -> Result<Dataset, DataError>,
}

impl Entry {
    /// Its grammar on the command line.
    pub fn grammar(&self) -> String {
        format!("{}{}", self.name, self.argument)
    }
}

/// Every data set.
pub const ALL: &[Entry] = &[
    digits::ENTRY,
    mnist::MNIST,
    mnist::FASHION,
    cifar::CIFAR10,
    cifar::CIFAR100,
    folder::ENTRY,
    text::CHARACTERS,
    text::BYTES,
    synthetic::ENTRY,
    markov::ENTRY,
];

/// The data set that `text` asks for, and what follows its name and a colon.
pub fn find(text: &str) -> Option<(&'static Entry, Option<&str>)> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let entry = ALL.iter().find(|entry| entry.name == name)?;
    Some((entry, argument))
}

/// The grammars of all data sets, for messages.
pub fn grammars() -> String {
    ALL.iter()
        .map(Entry::grammar)
        .collect::<Vec<_>>()
        .join(", ")
}
