//! Comma-separated values with a header (RFC 4180, and what spreadsheets make of it).

mod header;
mod records;

use std::borrow::Cow;

use self::header::Header;
use self::records::Problem;
pub(crate) use self::records::{Fault, Records};
use crate::cells::Cells;
use crate::collector::{Collector, Rows};
use crate::error::SnapshotError;
use crate::kind::Kind;
use crate::place::At;

/// Reads a whole CSV into a collector. Rows without any text are passed over, unless they stand
/// between steps, where they would shift all that follow.
pub(crate) fn read<'t, R: Rows<'t>>(
    text: &'t str,
    collector: &mut Collector<'t, R>,
) -> Result<(), SnapshotError> {
    let most = collector.limits.row_bytes;
    let mut records = Records::new(text, most);
    let mut fields = Vec::new();
    let mut header: Option<Header> = None;
    let mut blank = None;
    loop {
        let more = records.next_into(&mut fields);
        let at = collector.at(records.row());
        if !more.map_err(|fault| malformed(&fault, header.as_ref(), at, (R::KIND, most)))? {
            return Ok(());
        }
        if fields.iter().all(|field| field.trim().is_empty()) {
            blank = blank.or((header.is_some() && R::KIND.is_series).then_some(at));
            continue;
        }
        if let Some(at) = blank {
            return Err(SnapshotError::BlankRow { place: at.place() });
        }
        match &header {
            None => header = Some(Header::read(R::KIND, &fields, at, &mut collector.warnings)?),
            Some(header) => collector.add(at.number, &cells(header, &fields, at)?)?,
        }
    }
}

fn cells<'t>(header: &Header, fields: &[Cow<'t, str>], at: At) -> Result<Cells<'t>, SnapshotError> {
    if fields.len() != header.len() {
        let problem = if fields.len() < header.len() {
            format!("column {} has none", header.label(fields.len()))
        } else {
            format!("field {} is in no column", header.len() + 1)
        };
        return Err(SnapshotError::FieldCount {
            place: at.place(),
            found: fields.len(),
            expected: header.len(),
            problem,
        });
    }
    let mut cells = Cells::default();
    for (column, index) in header.columns() {
        cells.set(column, fields[index].clone());
    }
    Ok(cells)
}

fn malformed(
    fault: &Fault,
    header: Option<&Header>,
    at: At,
    (kind, most): (&'static Kind, usize),
) -> SnapshotError {
    let place = at.place();
    let column = match header {
        Some(header) => header.label(fault.field),
        None => (fault.field + 1).to_string(),
    };
    match fault.problem {
        Problem::TooLong => SnapshotError::RowTooLong { place, kind, most },
        Problem::Unclosed => SnapshotError::UnclosedQuote { place, column },
        Problem::TextAfterQuote(found) => SnapshotError::TextAfterQuote {
            place,
            column,
            found,
        },
    }
}
