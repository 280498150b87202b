//! Text as rows of named cells, whether it is CSV, a JSON list, or a JSON object on each line.

use std::borrow::Cow;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::csv::{Fault, Records};
use crate::log::error::LogError;

/// Objects within objects that are read: `{"grad_norm": {"layer": 1}}` is two.
const DEEPEST: usize = 6;
/// Cells of one row: far more than a network has parameters.
const MOST_CELLS: usize = 1_000_000;

/// A cell's name and its text.
pub(crate) type Named<'t> = (Cow<'t, str>, Cow<'t, str>);

/// A row; blank cells of JSON are left out.
#[derive(Debug)]
pub(crate) struct Row<'r, 't> {
    /// Its number as errors count it: rows of a CSV with its header, lines, or items.
    pub number: usize,
    pub names: &'r [Cow<'t, str>],
    pub cells: &'r [Cow<'t, str>],
}

impl Row<'_, '_> {
    /// The text of the first cell with this name, in any case of letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self
            .names
            .iter()
            .position(|other| other.eq_ignore_ascii_case(name))?;
        self.cells.get(at).map(|cell| cell.trim())
    }
}

/// A text with rows.
#[derive(Debug)]
pub(crate) enum Table<'t> {
    Csv { text: &'t str, delimiter: char },
    Lines(&'t str),
    Items(Vec<&'t RawValue>),
}

impl<'t> Table<'t> {
    /// Tells by the beginning what the text is. `None` for what is no table.
    pub fn of(text: &'t str) -> Option<Self> {
        let beginning = text.trim_start();
        match beginning.chars().next()? {
            '[' => Some(Self::Items(serde_json::from_str(text).ok()?)),
            '{' => Some(Self::Lines(text)),
            _ => {
                let header = beginning.lines().next()?;
                let separates = |c: &char| header.contains(*c);
                let delimiter = [',', ';', '\t'].into_iter().find(separates).unwrap_or(',');
                Some(Self::Csv { text, delimiter })
            }
        }
    }

    /// Whether numbers are written with a comma.
    pub fn has_decimal_comma(&self) -> bool {
        matches!(self, Self::Csv { delimiter: ';', .. })
    }

    /// The names in the first row.
    pub fn columns(&self, source: &str, most: usize) -> Result<Vec<String>, LogError> {
        if let Self::Csv { text, delimiter } = self {
            return header(text, *delimiter, source, most);
        }
        let mut columns = Vec::new();
        let read = self.each(source, most, |row| {
            columns = row.names.iter().map(|name| name.to_string()).collect();
            Err(LogError::Enough)
        });
        match read {
            Ok(()) | Err(LogError::Enough) => Ok(columns),
            Err(error) => Err(error),
        }
    }

    /// Calls `see` with each row, up to the first error.
    pub fn each(
        &self,
        source: &str,
        most: usize,
        see: impl FnMut(&Row<'_, 't>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        match self {
            Self::Csv { text, delimiter } => csv_rows(text, *delimiter, source, most, see),
            Self::Lines(text) => {
                let lines = text.split('\n').enumerate();
                let lines = lines.filter(|(_, line)| !line.trim().is_empty());
                let cut = (!text.ends_with('\n')).then(|| text.matches('\n').count() + 1);
                json_rows(
                    lines.map(|(at, line)| (at + 1, line)),
                    cut,
                    source,
                    most,
                    see,
                )
            }
            Self::Items(items) => {
                let numbered = items.iter().enumerate();
                let numbered = numbered.map(|(at, item)| (at + 1, item.get()));
                json_rows(numbered, None, source, most, see)
            }
        }
    }
}

fn header(text: &str, delimiter: char, source: &str, most: usize) -> Result<Vec<String>, LogError> {
    let mut records = Records::separated(text, most, delimiter);
    let mut fields = Vec::new();
    loop {
        let more = records.next_into(&mut fields);
        if !more.map_err(|fault| malformed(source, records.row(), &fault))? {
            return Ok(Vec::new());
        }
        if fields.iter().any(|field| !field.trim().is_empty()) {
            return Ok(fields.iter().map(|field| field.trim().to_owned()).collect());
        }
    }
}

fn malformed(source: &str, row: usize, fault: &Fault) -> LogError {
    LogError::Malformed {
        name: source.to_owned(),
        unit: "row",
        number: row,
        problem: fault.to_string(),
    }
}

fn csv_rows<'t>(
    text: &'t str,
    delimiter: char,
    source: &str,
    most: usize,
    mut see: impl FnMut(&Row<'_, 't>) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let mut records = Records::separated(text, most, delimiter);
    let mut names: Vec<Cow<'t, str>> = Vec::new();
    let mut fields = Vec::new();
    loop {
        let more = records.next_into(&mut fields);
        if !more.map_err(|fault| malformed(source, records.row(), &fault))? {
            return Ok(());
        }
        if fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        if names.is_empty() {
            names = fields.iter().map(trimmed).collect();
            if names.len() > MOST_CELLS {
                return Err(too_wide(source, records.row()));
            }
            continue;
        }
        if fields.len() < names.len() && records.is_cut() {
            // A training that goes on has not finished the row.
            return Ok(());
        }
        if fields.len() != names.len() {
            return Err(LogError::Malformed {
                name: source.to_owned(),
                unit: "row",
                number: records.row(),
                problem: format!(
                    "{} fields, but the header has {}",
                    fields.len(),
                    names.len()
                ),
            });
        }
        see(&Row {
            number: records.row(),
            names: &names,
            cells: &fields,
        })?;
    }
}

fn too_wide(source: &str, row: usize) -> LogError {
    LogError::Malformed {
        name: source.to_owned(),
        unit: "row",
        number: row,
        problem: format!("more than {MOST_CELLS} fields"),
    }
}

fn trimmed<'t>(text: &Cow<'t, str>) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// `cut` is the number of a last line without its end, which a training that goes on has not finished.
fn json_rows<'t>(
    texts: impl Iterator<Item = (usize, &'t str)>,
    cut: Option<usize>,
    source: &str,
    most: usize,
    mut see: impl FnMut(&Row<'_, 't>) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    for (number, text) in texts {
        let fail = |problem: String| LogError::Malformed {
            name: source.to_owned(),
            unit: "line",
            number,
            problem,
        };
        if text.len() > most {
            return Err(fail(format!("longer than the {most} bytes permitted")));
        }
        let (mut pairs, mut budget) = (Vec::new(), MOST_CELLS);
        let text = text.trim();
        match flatten(text, "", 0, &mut budget, &mut pairs) {
            Ok(()) => {}
            Err(_) if cut == Some(number) => return Ok(()),
            Err(error) => return Err(fail(format!("not a JSON object: {error}"))),
        }
        names.clear();
        cells.clear();
        for (name, cell) in pairs {
            names.push(name);
            cells.push(cell);
        }
        see(&Row {
            number,
            names: &names,
            cells: &cells,
        })?;
    }
    Ok(())
}

/// Adds the cells of the object in `text`; those of an object within it as `NAME/INNER`.
fn flatten<'t>(
    text: &'t str,
    prefix: &str,
    depth: usize,
    budget: &mut usize,
    cells: &mut Vec<Named<'t>>,
) -> Result<(), serde_json::Error> {
    for (key, value) in pairs(text)? {
        let name = match prefix {
            "" => key,
            _ => Cow::Owned(format!("{prefix}/{key}")),
        };
        let raw = value.get();
        if raw.starts_with('{') && depth < DEEPEST && !raw.contains("\"histogram\"") {
            flatten(raw, &name, depth + 1, budget, cells)?;
            continue;
        }
        *budget = budget.checked_sub(1).ok_or_else(|| {
            serde_json::Error::custom(format!("it has more than {MOST_CELLS} values"))
        })?;
        let cell = match raw {
            "null" => continue,
            _ if raw.starts_with('"') => text_of(raw)?,
            _ => Cow::Borrowed(raw),
        };
        cells.push((name, cell));
    }
    Ok(())
}

fn text_of(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match serde_json::from_str::<&str>(raw) {
        Ok(plain) => Ok(Cow::Borrowed(plain)),
        Err(_) => serde_json::from_str::<String>(raw).map(Cow::Owned),
    }
}

/// The keys and values of a JSON object, in its order.
fn pairs<'t>(text: &'t str) -> Result<Vec<(Cow<'t, str>, &'t RawValue)>, serde_json::Error> {
    struct Pairs;

    impl<'t> Visitor<'t> for Pairs {
        type Value = Vec<(Cow<'t, str>, &'t RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(key) = map.next_key::<String>()? {
                pairs.push((Cow::Owned(key), map.next_value()?));
            }
            Ok(pairs)
        }
    }

    let mut parser = serde_json::Deserializer::from_str(text);
    let pairs = (&mut parser).deserialize_map(Pairs)?;
    parser.end()?;
    Ok(pairs)
}

/// JSON with what Python writes for numbers that JSON does not have, as strings.
pub(crate) fn with_quoted_constants(text: &str) -> Cow<'_, str> {
    const CONSTANTS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !CONSTANTS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len());
    let mut rest = text;
    let (mut in_string, mut escaped) = (false, false);
    while let Some(first) = rest.chars().next() {
        if !in_string && let Some(word) = CONSTANTS.iter().find(|word| rest.starts_with(**word)) {
            quoted.extend(["\"", word, "\""]);
            rest = &rest[word.len()..];
            continue;
        }
        (in_string, escaped) = match (first, escaped) {
            ('"', false) => (!in_string, false),
            ('\\', false) => (in_string, in_string),
            _ => (in_string, false),
        };
        quoted.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Cow::Owned(quoted)
}
