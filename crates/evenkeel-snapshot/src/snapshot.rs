//! A snapshot, and how text becomes one.

use evenkeel::quantity::{Elr, GradientNorm, WeightNorm};

use crate::collector::Collector;
use crate::error::SnapshotError;
use crate::limits::Limits;
use crate::place::{Place, Unit};
use crate::{csv, json};

/// One step's norms of a network's layers. No two layers have the same name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The layers, in the order of the input.
    pub layers: Vec<LayerEntry>,
}

/// A layer of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerEntry {
    /// Its name: never empty, and on one line.
    pub name: String,
    /// Its ELR: `‖∇W‖/‖W‖` (T2) where both norms are known, otherwise as given.
    pub elr: Elr,
    /// `‖W‖`, where known.
    pub weight_norm: Option<WeightNorm>,
    /// `‖∇W‖`, where known; never zero.
    pub gradient_norm: Option<GradientNorm>,
    /// How many numbers the weight holds, where known.
    pub numel: Option<u64>,
    /// `cos(W, ∇W)`, where known.
    pub cosine: Option<f64>,
}

/// What an input says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What the user should know: columns that were ignored, weights that look as if they were not
    /// scale-invariant. One sentence each.
    pub warnings: Vec<String>,
}

impl Snapshot {
    /// Reads CSV, JSON or JSON Lines within the default [`Limits`]. `source_name` is what errors
    /// call the input, such as its path.
    ///
    /// # Errors
    /// [`SnapshotError`] for the first thing that is wrong.
    pub fn parse(source_name: &str, text: &[u8]) -> Result<Parsed, SnapshotError> {
        Self::parse_within(source_name, text, &Limits::default())
    }

    /// The same within limits of one's own.
    ///
    /// # Errors
    /// [`SnapshotError`] for the first thing that is wrong.
    pub fn parse_within(
        source_name: &str,
        text: &[u8],
        limits: &Limits,
    ) -> Result<Parsed, SnapshotError> {
        if text.len() > limits.bytes {
            return Err(SnapshotError::TooManyBytes {
                input: source_name.to_owned(),
                bytes: text.len(),
                most: limits.bytes,
            });
        }
        let text = decode(source_name, text)?;
        let collector = |unit| Collector::new(source_name, unit, *limits);
        // An object can only begin a line of JSON Lines, a bracket only a list.
        match text.trim_start().bytes().next() {
            None => Err(SnapshotError::Empty {
                input: source_name.to_owned(),
            }),
            Some(b'[') => json::list(text, collector(Unit::Item)),
            Some(b'{') => json::lines(text, collector(Unit::Line)),
            Some(_) => csv::read(text, collector(Unit::Row)),
        }
    }

    /// The ELRs, in the order of the layers.
    pub fn elrs(&self) -> Vec<Elr> {
        self.layers.iter().map(|layer| layer.elr).collect()
    }

    /// The names, in the order of the layers.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.layers.iter().map(|layer| layer.name.as_str())
    }
}

/// UTF-8, without the byte-order mark that spreadsheets put before it.
fn decode<'t>(input: &str, bytes: &'t [u8]) -> Result<&'t str, SnapshotError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let breaks = bytes[..offset].iter().filter(|byte| **byte == b'\n');
        SnapshotError::NotUtf8 {
            place: Place {
                input: input.to_owned(),
                unit: Unit::Line,
                number: breaks.count() + 1,
            },
            offset,
            byte: bytes[offset],
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
