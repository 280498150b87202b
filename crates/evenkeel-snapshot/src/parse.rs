//! How text becomes rows: the format is told by the content.

use crate::collector::{Collector, Rows};
use crate::error::SnapshotError;
use crate::limits::Limits;
use crate::place::{Place, Unit};
use crate::warnings::Warnings;
use crate::{csv, json};

/// Reads CSV, JSON or JSON Lines.
pub(crate) fn parse<'t, R: Rows<'t>>(
    input: &'t str,
    text: &'t [u8],
    limits: &Limits,
) -> Result<(R, Warnings), SnapshotError> {
    if text.len() > limits.bytes {
        return Err(SnapshotError::TooManyBytes {
            input: input.to_owned(),
            kind: R::KIND,
            bytes: text.len(),
            most: limits.bytes,
        });
    }
    let text = decode(input, text)?;
    // An object can only begin a line of JSON Lines, a bracket only a list.
    let (unit, read): (_, fn(_, &mut Collector<'t, R>) -> _) =
        match text.trim_start().bytes().next() {
            None => {
                return Err(SnapshotError::Empty {
                    input: input.to_owned(),
                    kind: R::KIND,
                });
            }
            Some(b'[') => (Unit::Item, json::list),
            Some(b'{') => (Unit::Line, json::lines),
            Some(_) => (Unit::Row, csv::read),
        };
    let mut collector = Collector::new(input, unit, *limits);
    read(text, &mut collector)?;
    collector.finish()
}

/// UTF-8, without the byte-order mark that spreadsheets put before it.
fn decode<'t>(input: &str, bytes: &'t [u8]) -> Result<&'t str, SnapshotError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let breaks = bytes[..offset].iter().filter(|byte| **byte == b'\n');
        SnapshotError::NotUtf8 {
            place: Place {
                input: input.to_owned(),
                unit: Unit::Line,
                number: breaks.count() + 1,
            },
            offset,
            byte: bytes[offset],
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
