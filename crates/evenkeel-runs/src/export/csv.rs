//! Comma-separated values.

use std::io::Write;

use evenkeel::quote::inert;

use super::{Field, Sink};
use crate::value::Value;

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
            let cells = row.iter().map(cell);
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

/// A value as text. What a spreadsheet would take for a formula is none.
fn cell(value: &Value) -> String {
    match value {
        Value::Text(text) => inert(text).into_owned(),
        other => other.to_string(),
    }
}

/// A whole table as text.
pub fn text<'a>(
    names: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<&'a Value>>,
) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let equal = "rows of a table are of one length";
    writer.write_record(names).expect(equal);
    for row in rows {
        let cells = row.iter().map(|value| cell(value));
        writer.write_record(cells).expect(equal);
    }
    let bytes = writer
        .into_inner()
        .expect("memory takes all that is written");
    String::from_utf8(bytes).expect("text in CSV is text")
}
