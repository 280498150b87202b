//! One row's values as they were written, whatever the format.

use std::borrow::Cow;

use crate::column::Column;

/// A cell per column: `None` where the input has no such column, empty where it has no value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cells<'t>([Option<Cow<'t, str>>; Column::COUNT]);

impl<'t> Cells<'t> {
    /// Fills a cell. Returns what was in it.
    pub fn set(&mut self, column: Column, text: Cow<'t, str>) -> Option<Cow<'t, str>> {
        self.0[column as usize].replace(trimmed(text))
    }

    /// Whether there is such a column.
    pub fn has(&self, column: Column) -> bool {
        self.0[column as usize].is_some()
    }

    /// The text of a cell, if it has any.
    pub fn get(&self, column: Column) -> Option<&Cow<'t, str>> {
        self.0[column as usize]
            .as_ref()
            .filter(|text| !text.is_empty())
    }
}

/// Without surrounding white space; a borrowed text stays borrowed.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}
