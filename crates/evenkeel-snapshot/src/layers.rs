//! Layers, from the cells of their rows.

use std::borrow::Cow;

use evenkeel::layer::LayerNorms;
use evenkeel::quantity::{Elr, GradientNorm, WeightNorm};

use crate::cells::Cells;
use crate::collector::Rows;
use crate::column::Column;
use crate::entry::LayerEntry;
use crate::error::SnapshotError;
use crate::kind::{Kind, NORMS};
use crate::names::{First, Names};
use crate::number;
use crate::place::At;
use crate::warnings::Warnings;

/// An ELR may differ this much, relatively, from the ratio of the norms beside it: tools round.
const TOLERANCE: f64 = 1e-3;

/// The layers so far.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    layers: Vec<LayerEntry>,
    names: Names,
}

impl<'t> Rows<'t> for Layers {
    const KIND: &'static Kind = &NORMS;

    fn add(
        &mut self,
        at: At,
        cells: &Cells<'t>,
        warnings: &mut Warnings,
    ) -> Result<(), SnapshotError> {
        let name = name(cells, at)?;
        let first = First {
            layer: self.layers.len(),
            row: at.number,
        };
        let is_name_of = |layer: usize| self.layers[layer].name == name;
        if let Some(first) = self.names.insert(&name, first, is_name_of) {
            return Err(SnapshotError::DuplicateLayer {
                place: at.place(),
                value: name.into_owned(),
                first: first.row,
            });
        }
        let layer = entry(name.into_owned(), cells, at)?;
        if let Some(cosine) = layer.cosine {
            warnings.check_cosine(at, &layer.name, cosine);
        }
        self.layers.push(layer);
        Ok(())
    }
}

impl Layers {
    /// The layers in the order of their rows.
    pub(crate) fn into_entries(self) -> Vec<LayerEntry> {
        self.layers
    }
}

fn name<'t>(cells: &Cells<'t>, at: At) -> Result<Cow<'t, str>, SnapshotError> {
    let Some(name) = cells.get(Column::Layer) else {
        return Err(SnapshotError::EmptyName { place: at.place() });
    };
    if name.contains(breaks_a_line) {
        return Err(SnapshotError::BadName {
            place: at.place(),
            value: name.to_string(),
            permitted: "free of line breaks and other control characters",
        });
    }
    Ok(name.clone())
}

/// Control characters, and the line and paragraph separators of Unicode.
fn breaks_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

fn entry(name: String, cells: &Cells, at: At) -> Result<LayerEntry, SnapshotError> {
    let weight_norm = number::weight_norm(cells, at)?;
    let gradient_norm = number::gradient_norm(cells, at)?;
    let given = number::elr(cells, at)?;
    let elr = match (weight_norm, gradient_norm, given) {
        (Some(weight), Some(gradient), given) => ratio(&name, weight, gradient, given, at)?,
        (_, _, Some(given)) => given,
        (weight, _, None) => return Err(empty_value(cells, weight.is_some(), at)),
    };
    Ok(LayerEntry {
        name,
        elr,
        weight_norm,
        gradient_norm,
        numel: number::numel(cells, at)?,
        cosine: number::cosine(cells, at)?,
    })
}

/// The ELR that follows from the norms, held against the one `given` beside them.
fn ratio(
    name: &str,
    weight: WeightNorm,
    gradient: GradientNorm,
    given: Option<Elr>,
    at: At,
) -> Result<Elr, SnapshotError> {
    let norms = LayerNorms { weight, gradient };
    let ratio = norms.elr().map_err(|_| SnapshotError::RatioOutOfRange {
        place: at.place(),
        layer: name.to_owned(),
        gradient: gradient.get(),
        weight: weight.get(),
    })?;
    match given.map(Elr::get) {
        Some(elr) if (elr / ratio.get() - 1.0).abs() > TOLERANCE => {
            Err(SnapshotError::Inconsistent {
                place: at.place(),
                elr,
                ratio: ratio.get(),
            })
        }
        _ => Ok(ratio),
    }
}

/// Neither an ELR nor two norms: names the cell to fill.
fn empty_value(cells: &Cells, has_weight: bool, at: At) -> SnapshotError {
    let column = if has_weight {
        Column::GradNorm
    } else if cells.has(Column::WeightNorm) {
        Column::WeightNorm
    } else {
        Column::Elr
    };
    number::empty(column, at)
}
