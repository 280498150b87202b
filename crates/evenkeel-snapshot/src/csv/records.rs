//! The rows of a CSV, field by field.
//!
//! Stricter than most readers where leniency would lose layers silently: a quote must be closed,
//! and nothing may follow it. More lenient where nothing can go wrong: spaces around quotes, a
//! quote within a bare field, and any line ending.

use std::borrow::Cow;

/// Splits text into rows, and these into fields.
#[derive(Debug)]
pub(crate) struct Records<'t> {
    rest: &'t str,
    row: usize,
    most: usize,
    delimiter: char,
    is_cut: bool,
}

/// What is wrong with a row.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    /// In which field, from 0.
    pub field: usize,
    pub problem: Problem,
}

/// What can be wrong with a row.
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    TooLong,
    Unclosed,
    TextAfterQuote(char),
}

impl<'t> Records<'t> {
    /// Rows of at most `most` bytes each, with commas between fields.
    pub fn new(text: &'t str, most: usize) -> Self {
        Self::separated(text, most, ',')
    }

    /// The same with another character between fields.
    pub fn separated(text: &'t str, most: usize, delimiter: char) -> Self {
        Self {
            rest: text,
            row: 0,
            most,
            delimiter,
            is_cut: false,
        }
    }

    /// Whether the row read last ends with the text, without a line ending.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The number of the row read last, from 1.
    pub fn row(&self) -> usize {
        self.row
    }

    /// Reads a row into `fields`, and says whether there was one.
    pub fn next_into(&mut self, fields: &mut Vec<Cow<'t, str>>) -> Result<bool, Fault> {
        fields.clear();
        if self.rest.is_empty() {
            return Ok(false);
        }
        self.row += 1;
        let before = self.rest.len();
        loop {
            let index = fields.len();
            let fault = |problem| Fault {
                field: index,
                problem,
            };
            fields.push(self.field().map_err(fault)?);
            if before - self.rest.len() > self.most {
                return Err(fault(Problem::TooLong));
            }
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        let behind = ["\r\n", "\n", "\r"]
            .into_iter()
            .find_map(|end| self.rest.strip_prefix(end));
        self.is_cut = behind.is_none();
        self.rest = behind.unwrap_or_default();
        Ok(true)
    }

    /// Reads up to the comma or line ending, which stays.
    fn field(&mut self) -> Result<Cow<'t, str>, Problem> {
        let text = self.without_blanks(self.rest);
        if let Some(quoted) = text.strip_prefix('"') {
            return self.quoted(quoted);
        }
        let delimiter = self.delimiter as u8;
        let ends = |byte: u8| byte == delimiter || matches!(byte, b'\n' | b'\r');
        let end = self.rest.bytes().position(ends);
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Ok(Cow::Borrowed(field))
    }

    /// Reads what follows an opening quote.
    fn quoted(&mut self, mut text: &'t str) -> Result<Cow<'t, str>, Problem> {
        let mut parts = String::new();
        loop {
            let (part, rest) = text.split_once('"').ok_or(Problem::Unclosed)?;
            if let Some(rest) = rest.strip_prefix('"') {
                parts.push_str(part);
                parts.push('"');
                if parts.len() > self.most {
                    return Err(Problem::TooLong);
                }
                text = rest;
                continue;
            }
            self.rest = self.without_blanks(rest);
            return match self.rest.chars().next() {
                Some(found) if found != self.delimiter && !matches!(found, '\n' | '\r') => {
                    Err(Problem::TextAfterQuote(found))
                }
                _ if parts.is_empty() => Ok(Cow::Borrowed(part)),
                _ => Ok(Cow::Owned(parts + part)),
            };
        }
    }

    /// A tab that separates fields is no blank.
    fn without_blanks(&self, text: &'t str) -> &'t str {
        let delimiter = self.delimiter;
        text.trim_start_matches(|c| matches!(c, ' ' | '\t') && c != delimiter)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let field = self.field + 1;
        match self.problem {
            Problem::TooLong => write!(f, "it is longer than is permitted"),
            Problem::Unclosed => write!(f, "the quote of field {field} is never closed"),
            Problem::TextAfterQuote(_) => {
                write!(f, "text follows the closing quote of field {field}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Result<Vec<Vec<String>>, Fault> {
        let mut records = Records::new(text, 1 << 20);
        let (mut rows, mut fields) = (Vec::new(), Vec::new());
        while records.next_into(&mut fields)? {
            rows.push(fields.iter().map(|field| field.to_string()).collect());
        }
        Ok(rows)
    }

    fn by_the_csv_crate(text: &str) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            row.iter().map(str::to_owned).collect()
        });
        rows.collect()
    }

    #[test]
    fn quotes_blanks_and_line_endings() {
        let rows = split("a,\"b,\"\"c\"\"\" , d \r\n\"\",\"x\ny\"\re\"f,").unwrap();
        assert_eq!(rows[0], ["a", "b,\"c\"", " d "]);
        assert_eq!(rows[1], ["", "x\ny"]);
        assert_eq!(rows[2], ["e\"f", ""]);
    }

    #[test]
    fn a_quote_must_close_and_end_its_field() {
        let fault = |field, problem| Err(Fault { field, problem });
        assert_eq!(split("a,\"b\nc,d"), fault(1, Problem::Unclosed));
        assert_eq!(split("\"a\"b,c"), fault(0, Problem::TextAfterQuote('b')));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn agrees_with_the_csv_crate(
            rows in prop::collection::vec(prop::collection::vec("[ab\",\r\né ]{0,4}", 1..5), 0..6),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + end;
            let text: String = rows.iter().map(line).collect();
            prop_assert_eq!(split(&text).unwrap(), by_the_csv_crate(&text));
            prop_assert_eq!(split(&text).unwrap(), rows);
        }

        #[test]
        fn agrees_with_the_csv_crate_on_bare_fields(
            rows in prop::collection::vec("([a-c.é ]{0,2},){0,3}[a-c][a-c\"]?", 1..6),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        ) {
            let text = rows.join(end);
            prop_assert_eq!(split(&text).unwrap(), by_the_csv_crate(&text));
        }
    }
}
