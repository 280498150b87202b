//! A run as a row: what its files say, or why they cannot be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{MAIN_SEPARATOR, Path};

use super::column::{self, Column, Facts};
use super::stamp::{FILES, Stamp};
use super::state::State;
use crate::error::RunsError;
use crate::folder::{Header, Lock, Run};
use crate::summary::Summary;
use crate::value::Value;

/// Larger files are not read: no run of this program writes a longer list of steps, and reading
/// everything whatever its size would let one bad folder stop the listing of all.
const MAX_BYTES: u64 = 1 << 30;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its path below the folder that was asked about.
    pub name: String,
    /// The values of [`column::ALL`].
    pub values: Vec<Value>,
    /// All that determines it, by name: the lines of its specification and of its program. Empty
    /// when it cannot be read.
    pub settings: BTreeMap<String, String>,
}

impl Entry {
    /// Reads the run in `folder`; what is wrong with it is in the column `error`.
    pub(super) fn read(folder: &Path, name: &str, stamp: &Stamp) -> Self {
        let read = refuse_unusual(folder, &FILES).and_then(|()| Run::load_outline(folder));
        let settings = read.as_ref().map(|run| settings(&run.header));
        let summary = read.as_ref().map(Summary::of);
        let error = read.as_ref().err().map(|error| told(folder, error));
        let state = match &read {
            Ok(run) => State::of(run.outcome.as_ref(), || Lock::is_held(folder)),
            Err(_) => State::Damaged,
        };
        let facts = Facts {
            name,
            stamp,
            state,
            run: read.as_ref().ok().zip(summary.as_ref().ok()),
            error: error.as_deref(),
        };
        Self {
            name: name.to_owned(),
            values: column::ALL.iter().map(|c| (c.value)(&facts)).collect(),
            settings: settings.unwrap_or_default(),
        }
    }

    /// The value in `column`.
    pub fn value(&self, column: &Column) -> &Value {
        let place = column::ALL.iter().position(|c| c.name == column.name);
        place
            .and_then(|place| self.values.get(place))
            .unwrap_or(&Value::Missing)
    }

    /// The value in the column of this name.
    pub fn named(&self, name: &str) -> &Value {
        column::find(name).map_or(&Value::Missing, |column| self.value(column))
    }

    /// Why it cannot be read, if it cannot.
    pub fn error(&self) -> Option<&str> {
        match self.named("error") {
            Value::Text(error) => Some(error),
            _ => None,
        }
    }
}

/// An error within the run, whose folder may be called otherwise next time; harmless to a terminal.
fn told(folder: &Path, error: &RunsError) -> String {
    let text = error.to_string();
    let within = text.replace(&format!("{}{MAIN_SEPARATOR}", folder.display()), "");
    let tame = |character: char| match character.is_control() && character != '\n' {
        true => char::REPLACEMENT_CHARACTER,
        false => character,
    };
    within.trim_end().chars().map(tame).collect()
}

/// Refuses what is not a file, which might never end, and what is too large.
///
/// # Errors
/// [`RunsError::Malformed`] names the file.
pub fn refuse_unusual(folder: &Path, files: &[&str]) -> Result<(), RunsError> {
    for file in files {
        let path = folder.join(file);
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        let bytes = metadata.len();
        let problem = match (metadata.is_file(), bytes > MAX_BYTES) {
            (false, _) => "it is not a file".to_owned(),
            (true, true) => {
                format!("it has {bytes} bytes, of which at most {MAX_BYTES} are read")
            }
            (true, false) => continue,
        };
        return Err(RunsError::Malformed {
            path,
            line: None,
            problem,
        });
    }
    Ok(())
}

/// What determines a run, each thing by its name.
fn settings(header: &Header) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::from([
        ("evenkeel".to_owned(), header.evenkeel.clone()),
        ("burn".to_owned(), header.burn.clone()),
        ("device".to_owned(), header.device.clone()),
    ]);
    // Generated data follow from the rest.
    if let (Some(hash), false) = (&header.data_sha256, header.spec.has_generated_data()) {
        settings.insert("data_sha256".to_owned(), hash.clone());
    }
    let table = toml::Table::try_from(&header.spec);
    for (name, value) in table.expect("settings that were read from TOML can be written as TOML") {
        let text = match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        settings.insert(name, text);
    }
    settings
}
