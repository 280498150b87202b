//! Rows as they come in, from whatever format.

use evenkeel::quote::quote_all;

use crate::cells::Cells;
use crate::column::Column;
use crate::error::SnapshotError;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::place::{At, Unit};
use crate::warnings::Warnings;

/// What is made of the rows of a kind of input.
pub(crate) trait Rows<'t>: Default {
    /// What the input is to hold.
    const KIND: &'static Kind;

    /// Checks one row and adds it.
    fn add(
        &mut self,
        at: At,
        cells: &Cells<'t>,
        warnings: &mut Warnings,
    ) -> Result<(), SnapshotError>;
}

/// The rows so far.
#[derive(Debug)]
pub(crate) struct Collector<'t, R> {
    input: &'t str,
    unit: Unit,
    pub limits: Limits,
    pub warnings: Warnings,
    rows: R,
    added: usize,
}

impl<'t, R: Rows<'t>> Collector<'t, R> {
    pub fn new(input: &'t str, unit: Unit, limits: Limits) -> Self {
        Self {
            input,
            unit,
            limits,
            warnings: Warnings::default(),
            rows: R::default(),
            added: 0,
        }
    }

    /// The place with this number.
    pub fn at(&self, number: usize) -> At<'t> {
        At {
            input: self.input,
            unit: self.unit,
            number,
        }
    }

    /// Checks one row and adds it.
    pub fn add(&mut self, number: usize, cells: &Cells<'t>) -> Result<(), SnapshotError> {
        let at = self.at(number);
        if self.added == self.limits.rows {
            return Err(SnapshotError::TooManyRows {
                place: at.place(),
                most: self.limits.rows,
                kind: R::KIND,
            });
        }
        self.added += 1;
        self.rows.add(at, cells, &mut self.warnings)
    }

    /// All of them, if there is one.
    pub fn finish(self) -> Result<(R, Warnings), SnapshotError> {
        if self.added == 0 {
            return Err(SnapshotError::NoRows {
                input: self.input.to_owned(),
                kind: R::KIND,
            });
        }
        Ok((self.rows, self.warnings))
    }
}

/// Refuses columns that are not enough for the kind of input.
pub(crate) fn check_columns<S: AsRef<str>>(
    kind: &'static Kind,
    at: At,
    has: impl Fn(Column) -> bool,
    found: impl ExactSizeIterator<Item = S>,
    advice: &'static str,
) -> Result<(), SnapshotError> {
    let missing = kind.missing(has);
    if missing.is_empty() {
        return Ok(());
    }
    Err(SnapshotError::MissingColumn {
        place: at.place(),
        missing: quote_all(missing.iter().map(|column| column.name())),
        found: quote_all(found),
        kind,
        advice,
    })
}
