//! JSON: a list of objects, or a line for each.

mod object;
mod syntax;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use self::syntax::Text;
use crate::collector::{Collector, Rows};
use crate::error::SnapshotError;
use crate::place::{At, Unit};

/// Reads one object per line into a collector; blank lines are passed over.
pub(crate) fn lines<'t, R: Rows<'t>>(
    text: &'t str,
    collector: &mut Collector<'t, R>,
) -> Result<(), SnapshotError> {
    for (index, line) in text.split('\n').enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        let at = collector.at(index + 1);
        check_length(line, collector, at)?;
        let raw: &RawValue = serde_json::from_str(line)
            .map_err(|error| Text::line(line, at.number).explain(R::KIND, &error, at))?;
        object::add(raw.get(), at, collector)?;
    }
    Ok(())
}

/// Reads a list of objects into a collector, item by item.
pub(crate) fn list<'t, R: Rows<'t>>(
    text: &'t str,
    collector: &mut Collector<'t, R>,
) -> Result<(), SnapshotError> {
    let mut items = Items {
        collector,
        begun: 0,
        refused: None,
    };
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = (&mut items).deserialize(&mut parser);
    let (begun, refused) = (items.begun, items.refused);
    if let Some(refused) = refused {
        return Err(refused);
    }
    let explain = |error: serde_json::Error, item: Option<usize>| {
        let at = match item {
            Some(item) => collector.at(item),
            None => At {
                unit: Unit::Line,
                ..collector.at(error.line())
            },
        };
        Text::whole(text).explain(R::KIND, &error, at)
    };
    read.map_err(|error| explain(error, (begun > 0).then_some(begun)))?;
    parser.end().map_err(|error| explain(error, None))
}

fn check_length<'t, R: Rows<'t>>(
    text: &str,
    collector: &Collector<'t, R>,
    at: At,
) -> Result<(), SnapshotError> {
    let most = collector.limits.row_bytes;
    if text.len() <= most {
        return Ok(());
    }
    let place = at.place();
    let kind = R::KIND;
    Err(SnapshotError::RowTooLong { place, kind, most })
}

/// Feeds the items of a list to the collector.
struct Items<'c, 't, R> {
    collector: &'c mut Collector<'t, R>,
    /// Items begun.
    begun: usize,
    /// Why the reading stopped, where it was not the syntax.
    refused: Option<SnapshotError>,
}

impl<'t, R: Rows<'t>> Items<'_, 't, R> {
    fn add(&mut self, text: &'t str) -> Result<(), SnapshotError> {
        let at = self.collector.at(self.begun);
        check_length(text, self.collector, at)?;
        object::add(text, at, self.collector)
    }
}

impl<'t, R: Rows<'t>> DeserializeSeed<'t> for &mut Items<'_, 't, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_seq(self)
    }
}

impl<'t, R: Rows<'t>> Visitor<'t> for &mut Items<'_, 't, R> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            self.begun += 1;
            let Some(raw) = list.next_element::<&'t RawValue>()? else {
                return Ok(());
            };
            if let Err(error) = self.add(raw.get()) {
                self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
    }
}
