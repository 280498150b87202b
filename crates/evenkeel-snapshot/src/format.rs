//! The formats of logs, told by the content.

mod chart;
mod event_file;
mod long;
mod run_folder;
mod tensorboard_csv;
mod tidy;
mod trainer_state;
mod wide;

use crate::limits::Limits;
use crate::log::error::LogError;
use crate::log::points::Points;
use crate::log::rows::Table;
use crate::log::source::Source;

/// A format that logs are written in.
#[derive(Debug)]
pub struct Format {
    /// Its name in messages.
    pub name: &'static str,
    /// Who writes it, in a few words.
    pub written_by: &'static str,
    /// What it looks like.
    pub shape: &'static str,
    /// What messages count in it.
    pub(crate) unit: &'static str,
    is: fn(&Input) -> bool,
    read: fn(&Input, &mut Points) -> Result<(), LogError>,
}

/// The names of all formats, for messages.
pub(crate) fn names() -> String {
    let names: Vec<&str> = ALL.iter().map(|format| format.name).collect();
    names.join(", ")
}

/// All formats. The first that recognises an input reads it.
pub static ALL: &[Format] = &[
    run_folder::FORMAT,
    event_file::FORMAT,
    trainer_state::FORMAT,
    tensorboard_csv::FORMAT,
    long::FORMAT,
    tidy::FORMAT,
    chart::FORMAT,
    wide::FORMAT,
];

/// A source with its content, as far as it is text and a table.
pub(crate) struct Input<'t> {
    pub source: &'t Source,
    pub bytes: &'t [u8],
    /// Empty for what is not text.
    pub text: &'t str,
    pub table: Option<Table<'t>>,
    /// The names in the table's first row.
    pub columns: Vec<String>,
    pub limits: Limits,
    /// Whether a column name is that of a norm.
    pub names: &'t crate::log::tag::Names,
}

impl Input<'_> {
    /// Whether there is a column with one of these names, in any case of letters.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| {
            self.columns
                .iter()
                .any(|column| column.eq_ignore_ascii_case(name))
        })
    }

    /// The format, if it is one.
    pub fn format(&self) -> Option<&'static Format> {
        ALL.iter().find(|format| (format.is)(self))
    }
}

impl Format {
    /// Adds the input's numbers to the points.
    pub(crate) fn read(&self, input: &Input, points: &mut Points) -> Result<(), LogError> {
        (self.read)(input, points)
    }
}
