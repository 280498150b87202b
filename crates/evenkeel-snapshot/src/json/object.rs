//! One layer as a JSON object.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::cells::Cells;
use crate::collector::{Collector, check_columns};
use crate::column::Column;
use crate::error::SnapshotError;
use crate::place::At;

/// Reads the object in `text`, which is valid JSON, and adds its layer.
pub(super) fn add<'t>(
    text: &'t str,
    at: At,
    collector: &mut Collector<'t>,
) -> Result<(), SnapshotError> {
    let object: Object = serde_json::from_str(text).map_err(|_| not_an_object(text, at))?;
    if let Some(column) = object.twice {
        let place = at.place();
        return Err(SnapshotError::DuplicateColumn { place, column });
    }
    let has = |column| object.cells.has(column);
    let known = Column::ALL.into_iter().filter(|column| has(*column));
    let mut found: Vec<&str> = known.map(Column::name).collect();
    found.extend(object.unknown.iter().map(String::as_str));
    check_columns(at, has, found.iter(), "; give every object these keys")?;
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
fn not_an_object(text: &str, at: At) -> SnapshotError {
    let place = at.place();
    if text.starts_with('{') {
        return SnapshotError::BadKey { place };
    }
    let value = text.to_owned();
    SnapshotError::NotAnObject { place, value }
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

impl<'t> Deserialize<'t> for Object<'t> {
    fn deserialize<D: Deserializer<'t>>(parser: D) -> Result<Self, D::Error> {
        parser.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'t> Visitor<'t> for ObjectVisitor {
    type Value = Object<'t>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Object<'t>, A::Error> {
        let mut object = Object::default();
        while let Some(key) = map.next_key()? {
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

impl<'t> Deserialize<'t> for Key {
    fn deserialize<D: Deserializer<'t>>(parser: D) -> Result<Self, D::Error> {
        parser.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        Ok(match Column::from_name(name) {
            Some(column) => Key::Known(column),
            None => Key::Unknown(name.to_owned()),
        })
    }
}
