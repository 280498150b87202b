//! Comma-separated values.

use std::io::Write;

use super::{Field, Sink};
use crate::run_index::value::Value;

/// Writes rows as they come.
pub struct Writer<W: Write>(::csv::Writer<W>);

impl<W: Write> Writer<W> {
    /// Begins with the header.
    pub fn new(fields: &[Field], to: W) -> Result<Self, String> {
        let mut writer = ::csv::Writer::from_writer(to);
        let names = fields.iter().map(|field| field.name);
        writer
            .write_record(names)
            .map_err(|error| error.to_string())?;
        Ok(Self(writer))
    }
}

impl<W: Write> Sink for Writer<W> {
    fn rows(&mut self, rows: Vec<Vec<Value>>) -> Result<(), String> {
        for row in rows {
            let cells = row.iter().map(Value::to_string);
            self.0
                .write_record(cells)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        self.0.flush().map_err(|error| error.to_string())
    }
}

/// A whole table as text.
pub fn text<'a>(
    names: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<&'a Value>>,
) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // Writing to memory fails only for rows of different lengths, which a table has not.
    let _ = writer.write_record(names);
    for row in rows {
        let _ = writer.write_record(row.iter().map(|value| value.to_string()));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
