//! Why text is not JSON, as precisely as can be told.

use crate::column::Column;
use crate::error::SnapshotError;
use crate::kind::Kind;
use crate::number::out_of_range;
use crate::place::{At, Unit};

/// What tools write into JSON for numbers that JSON does not have.
const NON_FINITE: [&str; 7] = ["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "-NaN"];

/// Text that failed to parse.
pub(super) struct Text<'t> {
    text: &'t str,
    /// The line of the input on which it begins, from 1.
    first_line: usize,
}

impl<'t> Text<'t> {
    /// The whole input.
    pub fn whole(text: &'t str) -> Self {
        let first_line = 1;
        Self { text, first_line }
    }

    /// One line of it.
    pub fn line(text: &'t str, first_line: usize) -> Self {
        Self { text, first_line }
    }

    /// The error for what the parser says; a number that is not finite is told as such.
    pub fn explain(&self, kind: &Kind, error: &serde_json::Error, at: At) -> SnapshotError {
        let non_finite = self.non_finite(kind, error);
        if let Some((Some(column), value)) = non_finite {
            return out_of_range(column, value, at);
        }
        let message = error.to_string();
        let problem = message.split(" at line ").next().unwrap_or_default();
        SnapshotError::NotJson {
            place: at.place(),
            line: self.first_line + error.line().saturating_sub(1),
            column: error.column(),
            problem: problem.to_owned(),
            advice: match non_finite {
                Some(_) => "JSON has no such number: write null",
                None => advice(error.is_eof(), at.unit),
            },
        }
    }

    /// The word at which the parser stopped, if it is a non-finite number, and its column, if that
    /// is one that is read.
    fn non_finite(
        &self,
        kind: &Kind,
        error: &serde_json::Error,
    ) -> Option<(Option<Column>, &'t str)> {
        let line = self.text.split('\n').nth(error.line().checked_sub(1)?)?;
        let (before, after) = line.split_at_checked(error.column().checked_sub(1)?)?;
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let start = before.trim_end_matches(in_word).len();
        let end = line.len() - after.trim_start_matches(in_word).len();
        let word = &line[start..end];
        NON_FINITE
            .contains(&word)
            .then(|| (number_column(kind, &line[..start]), word))
    }
}

/// The column of numbers whose key and colon end `before`.
fn number_column(kind: &Kind, before: &str) -> Option<Column> {
    let key = before.trim_end().strip_suffix(':')?.trim_end();
    let (_, key) = key.strip_suffix('"')?.rsplit_once('"')?;
    kind.column(key).filter(|column| *column != Column::Layer)
}

fn advice(is_cut: bool, unit: Unit) -> &'static str {
    match (is_cut, unit) {
        (false, _) => "write it with a JSON library",
        (true, Unit::Line) => "write every object on one line of its own, or all of them as a list",
        (true, _) => "check that the tool that writes it has finished",
    }
}
