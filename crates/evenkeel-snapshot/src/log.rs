//! Logs of any tracker or trainer, from which a step's norms are taken.
//!
//! A [format](crate::format) says how a file becomes points: run, tag, step and value. Everything else
//! is the same for all of them: which tags are norms, which run and step count, which names are those
//! of layers. What is set aside is said.

pub(crate) mod cell;
mod choice;
pub(crate) mod error;
mod filter;
mod glob;
mod layers;
mod notes;
mod options;
pub(crate) mod points;
mod rollup;
pub(crate) mod rows;
pub(crate) mod source;
mod steps;
pub(crate) mod suffix;
pub(crate) mod tag;

use std::path::Path;

pub use error::LogError;
pub use options::LogOptions;

use crate::error::SnapshotError;
use crate::format::{self, Input};
use crate::snapshot::{Parsed, Snapshot};
use choice::Choice;
use layers::Layers;
use points::Points;
use rows::Table;
use source::Source;

/// Reads one step's norms from files and folders, which together are the log of a run, in any of the
/// [formats](crate::format::ALL); `-` is standard input. A file of one step's norms alone is read as
/// [`Snapshot::parse`] does.
///
/// # Errors
/// [`LogError`] for the first thing that is wrong.
pub fn read_log<P: AsRef<Path>>(paths: &[P], options: &LogOptions) -> Result<Parsed, LogError> {
    let mut points = Points::new(options.names());
    let mut sources = Vec::new();
    for path in paths {
        let found = Source::find(path.as_ref())?;
        if found.is_empty() {
            return Err(LogError::EmptyFolder {
                folder: path.as_ref().display().to_string(),
                readable: format::names(),
            });
        }
        sources.extend(found);
    }
    for source in &sources {
        let bytes = match source.is_run {
            true => Vec::new(),
            false => source.bytes(&options.limits)?,
        };
        if let Some(plain) = read_source(source, &bytes, sources.len() == 1, options, &mut points)?
        {
            return filter::of_snapshot(plain, options, &source.name);
        }
    }
    of_points(&points, &sources, options)
}

/// Reads one step's norms from the bytes of one file. `source_name` is what errors call it.
///
/// # Errors
/// [`LogError`] for the first thing that is wrong.
pub fn parse_log(
    source_name: &str,
    bytes: &[u8],
    options: &LogOptions,
) -> Result<Parsed, LogError> {
    let mut points = Points::new(options.names());
    let source = Source::named(source_name);
    match read_source(&source, bytes, true, options, &mut points)? {
        Some(plain) => filter::of_snapshot(plain, options, &source.name),
        None => of_points(&points, &[source], options),
    }
}

fn of_points(
    points: &Points,
    sources: &[Source],
    options: &LogOptions,
) -> Result<Parsed, LogError> {
    let names = listed(sources);
    let layers = Layers::gather(points, options.run.as_deref(), &names)?;
    Choice {
        points,
        options,
        names: &names,
    }
    .of(layers)
}

/// The names of sources in messages.
fn listed(sources: &[Source]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    match names.as_slice() {
        [first, .., last] if names.len() > 3 => {
            format!("{first}, …, {last} ({} files)", names.len())
        }
        _ => names.join(", "),
    }
}

/// Adds a source to the points, or reads it as one step's norms where it is the only one.
fn read_source(
    source: &Source,
    bytes: &[u8],
    is_only: bool,
    options: &LogOptions,
    points: &mut Points,
) -> Result<Option<Parsed>, LogError> {
    let names = points.names.clone();
    let mut input = Input {
        source,
        bytes,
        text: "",
        table: None,
        columns: Vec::new(),
        limits: options.limits,
        names: &names,
    };
    if let Some(format) = input.format() {
        points.begin(source, format.unit);
        format.read(&input, points)?;
        return Ok(None);
    }
    let plain = || -> Result<Option<Parsed>, LogError> {
        let parsed = Snapshot::parse_within(&source.name, bytes, &options.limits);
        Ok(Some(parsed.map_err(|error| {
            with_layer(error, source, bytes, options)
        })?))
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return match is_only && bytes.iter().take(1 << 12).all(|byte| *byte != 0) {
            true => plain(),
            false => Err(LogError::NotText {
                name: source.name.clone(),
                readable: format::names(),
            }),
        };
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = text.trim_start().starts_with(['{', '[']);
    let text = match is_json {
        true => rows::with_quoted_constants(text),
        false => text.into(),
    };
    input.text = &text;
    input.table = Table::of(&text);
    if let Some(table) = &input.table {
        // What is no table is told by its format, or by the reader of snapshots.
        input.columns = table
            .columns(&source.name, options.limits.row_bytes)
            .unwrap_or_default();
    }
    match input.format() {
        Some(format) => {
            points.begin(source, format.unit);
            format.read(&input, points)?;
            Ok(None)
        }
        None if is_only && is_plain(&input) => plain(),
        None => Err(LogError::NoSteps {
            name: source.name.clone(),
            found: input.columns,
        }),
    }
}

/// The error with the name of the layer whose row it is about, where a number in it is no norm.
fn with_layer(
    error: SnapshotError,
    source: &Source,
    bytes: &[u8],
    options: &LogOptions,
) -> LogError {
    let (SnapshotError::OutOfRange { place, .. } | SnapshotError::NotANumber { place, .. }) =
        &error
    else {
        return error.into();
    };
    let text = String::from_utf8_lossy(bytes);
    let text = rows::with_quoted_constants(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let mut layer = None;
    if let Some(table) = Table::of(&text) {
        let _ = table.each(&source.name, options.limits.row_bytes, |row| {
            if row.number == place.number {
                layer = row.get("layer").map(str::to_owned);
                return Err(LogError::Enough);
            }
            Ok(())
        });
    }
    match layer {
        Some(layer) => LogError::OfLayer {
            layer,
            source: Box::new(error),
        },
        None => error.into(),
    }
}

/// Whether an input is to be read as one step's norms: it names layers, or nothing at all.
fn is_plain(input: &Input) -> bool {
    input.columns.is_empty() || input.has(&["layer"])
}
