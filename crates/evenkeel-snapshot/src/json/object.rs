//! One row as a JSON object.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::cells::Cells;
use crate::collector::{Collector, Rows, check_columns};
use crate::column::Column;
use crate::error::SnapshotError;
use crate::kind::Kind;
use crate::place::At;

/// Reads the object in `text`, which is valid JSON, and adds its row.
pub(super) fn add<'t, R: Rows<'t>>(
    text: &'t str,
    at: At,
    collector: &mut Collector<'t, R>,
) -> Result<(), SnapshotError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let object = ObjectVisitor { kind: R::KIND }.deserialize(&mut parser);
    let object = object.map_err(|_| not_an_object(R::KIND, text, at))?;
    if let Some(column) = object.twice {
        let place = at.place();
        return Err(SnapshotError::DuplicateColumn { place, column });
    }
    let has = |column| object.cells.has(column);
    let known = R::KIND.columns.iter().filter(|column| has(**column));
    let mut found: Vec<&str> = known.map(|column| column.name()).collect();
    found.extend(object.unknown.iter().map(String::as_str));
    let advice = "; give every object these keys";
    check_columns(R::KIND, at, has, found.iter(), advice)?;
    for key in &object.unknown {
        collector.warnings.ignore(key);
    }
    let mut cells = object.cells;
    if let Some(raw) = cells.get(Column::Layer).cloned() {
        cells.set(Column::Layer, string(&raw, at)?);
    }
    collector.add(at.number, &cells)
}

/// Why valid JSON is no object with keys that can be read.
fn not_an_object(kind: &'static Kind, text: &str, at: At) -> SnapshotError {
    let place = at.place();
    if text.starts_with('{') {
        return SnapshotError::BadKey { place };
    }
    let value = text.to_owned();
    SnapshotError::NotAnObject { place, value, kind }
}

/// The string that the JSON text `raw` stands for.
fn string<'t>(raw: &Cow<'t, str>, at: At) -> Result<Cow<'t, str>, SnapshotError> {
    if let Cow::Borrowed(text) = raw
        && let Ok(plain) = serde_json::from_str::<&'t str>(text)
    {
        return Ok(Cow::Borrowed(plain));
    }
    let unescaped: Result<String, _> = serde_json::from_str(raw);
    unescaped
        .map(Cow::Owned)
        .map_err(|_| SnapshotError::BadName {
            place: at.place(),
            value: raw.to_string(),
            permitted: if raw.starts_with('"') {
                "a string of whole characters: this one has half a surrogate pair"
            } else {
                "a string"
            },
        })
}

/// The values of an object as JSON text, `null` as empty text.
#[derive(Default)]
struct Object<'t> {
    cells: Cells<'t>,
    unknown: Vec<String>,
    /// A column that comes twice.
    twice: Option<Column>,
}

struct ObjectVisitor {
    kind: &'static Kind,
}

impl<'t> DeserializeSeed<'t> for ObjectVisitor {
    type Value = Object<'t>;

    fn deserialize<D: Deserializer<'t>>(self, parser: D) -> Result<Object<'t>, D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for ObjectVisitor {
    type Value = Object<'t>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Object<'t>, A::Error> {
        let mut object = Object::default();
        let kind = self.kind;
        while let Some(key) = map.next_key_seed(KeyVisitor { kind })? {
            match key {
                Key::Unknown(name) => {
                    object.unknown.push(name);
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Known(column) => {
                    let text = match map.next_value::<&'t RawValue>()?.get() {
                        "null" => "",
                        text => text,
                    };
                    if object.cells.set(column, Cow::Borrowed(text)).is_some() {
                        object.twice = object.twice.or(Some(column));
                    }
                }
            }
        }
        Ok(object)
    }
}

/// A key of an object. Only those that nobody reads are copied.
enum Key {
    Known(Column),
    Unknown(String),
}

struct KeyVisitor {
    kind: &'static Kind,
}

impl<'t> DeserializeSeed<'t> for KeyVisitor {
    type Value = Key;

    fn deserialize<D: Deserializer<'t>>(self, parser: D) -> Result<Key, D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        Ok(match self.kind.column(name) {
            Some(column) => Key::Known(column),
            None => Key::Unknown(name.to_owned()),
        })
    }
}
