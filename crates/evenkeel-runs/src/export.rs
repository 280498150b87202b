//! Runs as tidy tables for other programs: a row an observation, a column a quantity, the run by its
//! name in each row.

mod csv;
mod parquet;
mod table;

use std::fs::File;
use std::path::Path;
use std::str::FromStr;

use crate::error::RunsError;
use crate::file::write_atomically_with;
use crate::folder::Run;
use crate::folder::files::{EVALS, LAYERS};
use crate::index::entry::{Entry, refuse_unusual};
use crate::value::{Kind, Value};

pub use table::{ALL, Table};

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header; nothing where a value is missing.
    Csv,
    /// Apache Parquet; null where a value is missing.
    Parquet,
}

impl FromStr for Format {
    type Err = RunsError;

    fn from_str(name: &str) -> Result<Self, RunsError> {
        match name {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            other => Err(RunsError::UnknownFormat {
                given: other.to_owned(),
                permitted: "csv, parquet".to_owned(),
            }),
        }
    }
}

/// A table of values as text of comma-separated values.
pub fn csv_text<'a>(
    names: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<&'a Value>>,
) -> String {
    csv::text(names, rows)
}

/// Takes the rows of a table.
trait Sink {
    fn rows(&mut self, rows: Vec<Vec<Value>>) -> Result<(), String>;
    fn finish(self: Box<Self>) -> Result<(), String>;
}

/// The result of an export.
#[derive(Debug, Default)]
pub struct Exported {
    /// Rows.
    pub rows: usize,
    /// Runs that are not in it, and why.
    pub left_out: Vec<String>,
}

/// Writes a table of `runs`, which are below `root`, to `path`: whole or not at all. What is wrong
/// with a run does not keep others from it.
///
/// # Errors
/// [`RunsError::Io`] or [`RunsError::Malformed`] for `path`.
pub fn write(
    path: &Path,
    format: Format,
    table: &Table,
    root: &Path,
    runs: &[Entry],
) -> Result<Exported, RunsError> {
    write_atomically_with(path, |file| {
        let failed = |problem: String| RunsError::Malformed {
            path: path.to_owned(),
            line: None,
            problem,
        };
        let mut sink = sink(format, &table.fields(), file).map_err(failed)?;
        let mut exported = Exported::default();
        for run in runs {
            match rows(table, root, run) {
                Ok(rows) => {
                    exported.rows += rows.len();
                    sink.rows(rows).map_err(failed)?;
                }
                Err(error) => exported.left_out.push(error),
            }
        }
        sink.finish().map_err(failed)?;
        Ok(exported)
    })
}

fn sink<'a>(
    format: Format,
    fields: &[Field],
    file: &'a mut File,
) -> Result<Box<dyn Sink + 'a>, String> {
    Ok(match format {
        Format::Csv => Box::new(csv::Writer::new(fields, file)?),
        Format::Parquet => Box::new(parquet::Writer::new(fields, file)?),
    })
}

/// The rows of one run, or why there are none.
fn rows(table: &Table, root: &Path, entry: &Entry) -> Result<Vec<Vec<Value>>, String> {
    let Some(of_run) = table.of_run else {
        return Ok(vec![entry.values.clone()]);
    };
    if let Some(error) = entry.error() {
        return Err(format!("{}: {error}", entry.name));
    }
    let folder = root.join(&entry.name);
    refuse_unusual(&folder, &[LAYERS, EVALS])
        .and_then(|()| match table.name {
            "layers" => Run::load(&folder),
            _ => Run::load_outline(&folder),
        })
        .map(|run| of_run(&entry.name, &run))
        .map_err(|error| error.to_string())
}
