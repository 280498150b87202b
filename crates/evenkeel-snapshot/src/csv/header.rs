//! The first row: which field is which column.

use std::borrow::Cow;

use evenkeel::quote::quote;

use crate::collector::check_columns;
use crate::column::Column;
use crate::error::SnapshotError;
use crate::kind::Kind;
use crate::place::At;
use crate::warnings::Warnings;

/// The names, and where the columns that are read stand among them.
#[derive(Debug)]
pub(super) struct Header {
    names: Vec<String>,
    columns: Vec<(Column, usize)>,
}

impl Header {
    /// Finds the columns, in whatever order, and notes those that nobody reads.
    pub fn read(
        kind: &'static Kind,
        fields: &[Cow<'_, str>],
        at: At,
        warnings: &mut Warnings,
    ) -> Result<Self, SnapshotError> {
        let names: Vec<String> = fields.iter().map(|name| name.trim().to_owned()).collect();
        let mut columns: Vec<(Column, usize)> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match kind.column(name) {
                Some(column) if columns.iter().any(|(known, _)| *known == column) => {
                    let place = at.place();
                    return Err(SnapshotError::DuplicateColumn { place, column });
                }
                Some(column) => columns.push((column, index)),
                None if name.is_empty() => warnings.ignore(&format!("column {}", index + 1)),
                None => warnings.ignore(name),
            }
        }
        let has = |column| columns.iter().any(|(known, _)| *known == column);
        check_columns(kind, at, has, names.iter(), advice(&names))?;
        Ok(Self { names, columns })
    }

    /// How many fields a row has.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The columns that are read, and the fields that hold them.
    pub fn columns(&self) -> impl Iterator<Item = (Column, usize)> {
        self.columns.iter().copied()
    }

    /// What to call a field: its column's name in quotes, or its number.
    pub fn label(&self, index: usize) -> String {
        match self.names.get(index) {
            Some(name) if !name.is_empty() => quote(name),
            _ => (index + 1).to_string(),
        }
    }
}

/// What most likely happened to a header that is not one.
fn advice(names: &[String]) -> &'static str {
    let [name] = names else {
        return "; rename the columns if they are there under other names";
    };
    if name.contains([';', '\t', '|']) {
        "; separate the columns by commas"
    } else {
        "; begin the file with these names"
    }
}
