//! A table of numbers with names, as it is in a CSV file.

use std::path::Path;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::export::csv_text;
use evenkeel_runs::value::Value;

use crate::error::ClaimsError;

/// Digits that are kept: what is judged is what is in the file.
const DIGITS: i32 = 6;

/// A table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// A row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [Value],
}

impl Table {
    /// An empty table.
    pub fn new(columns: impl Iterator<Item = &'static str>) -> Self {
        Self {
            columns: columns.map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with numbers to six significant digits.
    pub fn push(&mut self, row: Vec<Value>) {
        self.rows.push(row.into_iter().map(rounded).collect());
    }

    /// The rows in their order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As a CSV file.
    pub fn to_csv(&self) -> String {
        let names = self.columns.iter().map(String::as_str);
        csv_text(names, self.rows.iter().map(|row| row.iter().collect()))
    }

    /// From a CSV file.
    ///
    /// # Errors
    /// [`RunsError::Malformed`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ClaimsError> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().map_err(RunsError::malformed(path))?;
        let columns = columns.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(
                record
                    .map_err(RunsError::malformed(path))?
                    .iter()
                    .map(value)
                    .collect(),
            );
        }
        Ok(Self { columns, rows })
    }
}

impl<'a> Row<'a> {
    fn cell(&self, column: &str) -> &'a Value {
        let place = self.table.columns.iter().position(|name| name == column);
        place
            .and_then(|place| self.cells.get(place))
            .unwrap_or(&Value::Missing)
    }

    /// The number in a column; NaN where there is none.
    pub fn number(&self, column: &str) -> f64 {
        self.cell(column).number().unwrap_or(f64::NAN)
    }

    /// The words in a column, or its number as words.
    pub fn text(&self, column: &str) -> String {
        self.cell(column).to_string()
    }
}

/// Rows that have the same in some columns, with what they have there, in the order of their first.
pub fn groups<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    columns: &[&str],
) -> Vec<(Vec<String>, Vec<Row<'a>>)> {
    let mut groups: Vec<(Vec<String>, Vec<Row>)> = Vec::new();
    for row in rows {
        let key: Vec<String> = columns.iter().map(|column| row.text(column)).collect();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups
}

/// The numbers in a column.
pub fn numbers(rows: &[Row], column: &str) -> Vec<f64> {
    rows.iter().map(|row| row.number(column)).collect()
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Real(number) if number.is_finite() => {
            let text = format!("{number:.*e}", DIGITS as usize - 1);
            Value::Real(text.parse().unwrap_or(number))
        }
        Value::Real(_) => Value::Missing,
        other => other,
    }
}

/// A cell as it was before it was written.
fn value(text: &str) -> Value {
    match (text, text.parse::<i64>(), text.parse::<f64>()) {
        ("", _, _) => Value::Missing,
        (_, Ok(whole), _) => Value::Integer(whole),
        (_, _, Ok(number)) if number.is_finite() => Value::Real(number),
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["control", "lr", "loss"].into_iter());
        table.push(vec!["none".into(), 0.1.into(), (1.0 / 3.0).into()]);
        table.push(vec!["hold".into(), 0.1.into(), f64::NAN.into()]);
        table.push(vec!["none".into(), 3usize.into(), 1e-20.into()]);
        table
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let text = table().to_csv();
        let read = Table::parse(Path::new("f.csv"), &text).unwrap();
        assert_eq!(read, table());
        assert_eq!(read.to_csv(), text);
        assert!(text.contains("none,0.1,0.333333\n"), "{text}");
    }

    #[test]
    fn groups_keep_the_order_and_missing_numbers_are_none() {
        let table = table();
        let groups = groups(table.rows(), &["control"]);
        let sizes: Vec<_> = groups
            .iter()
            .map(|(key, rows)| (&key[0][..], rows.len()))
            .collect();
        assert_eq!(sizes, [("none", 2), ("hold", 1)]);
        assert!(groups[1].1[0].number("loss").is_nan());
        assert!(groups[1].1[0].number("nothing").is_nan());
    }
}
