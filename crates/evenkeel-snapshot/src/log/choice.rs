//! Which layers of a log count, and the norms that follow.

use std::collections::BTreeSet;

use evenkeel::quantity::{Elr, GradientNorm, WeightNorm};
use evenkeel::quote::{quote, quote_all};

use crate::entry::LayerEntry;
use crate::log::error::LogError;
use crate::log::filter::{counts, refuse_unknown};
use crate::log::layers::{Layer, Layers, Value};
use crate::log::notes::{note_gains, note_rounding, note_updates};
use crate::log::options::LogOptions;
use crate::log::points::Points;
use crate::log::rollup;
use crate::log::tag::Quantity;
use crate::order::depth_order;
use crate::snapshot::{Parsed, Snapshot};

/// What decides.
pub(crate) struct Choice<'p> {
    pub points: &'p Points,
    pub options: &'p LogOptions,
    /// The sources, as messages call them.
    pub names: &'p str,
}

/// The quantities whose ratio is a layer's ELR.
pub(super) fn needs(layer: &Layer) -> Option<&'static [Quantity]> {
    const SETS: [&[Quantity]; 3] = [
        &[Quantity::Weight, Quantity::Gradient],
        &[Quantity::Elr],
        &[Quantity::Weight, Quantity::Update],
    ];
    SETS.into_iter()
        .find(|set| set.iter().all(|quantity| layer.has(*quantity)))
}

impl Choice<'_> {
    /// The norms of the layers that count, at the step that counts.
    pub fn of(&self, mut found: Layers) -> Result<Parsed, LogError> {
        let mut layers = std::mem::take(&mut found.layers);
        let mut notes = self.points.notes.clone();
        notes.append(&mut found.notes);
        self.refuse_no_norms(&layers)?;
        let all: Vec<String> = layers.iter().map(|layer| layer.name.clone()).collect();
        refuse_unknown(self.options, &all, self.names)?;
        layers.retain(|layer| counts(self.options, &layer.name));
        if layers.is_empty() {
            return Err(LogError::NoneLeft {
                names: self.names.to_owned(),
                layers: all,
            });
        }
        let layers = self.without_rollups(layers, &mut notes);
        let layers = self.paired(layers, &mut notes)?;
        let step = self.step(&layers, &mut notes)?;
        let layers = without_sums(layers, step, &mut notes);
        note_rounding(&layers, step, &mut notes);
        note_gains(&layers, &mut notes);
        note_updates(&layers, &found.rate, step, &mut notes);
        let order = depth_order(&layers.iter().map(|layer| &layer.name).collect::<Vec<_>>());
        let entries = order
            .into_iter()
            .map(|index| self.entry(&layers[index], &found.rate, step));
        let entries: Vec<(LayerEntry, Option<Elr>)> = entries.collect::<Result<_, _>>()?;
        let (layers, updates): (Vec<LayerEntry>, Vec<Option<Elr>>) = entries.into_iter().unzip();
        Ok(Parsed {
            snapshot: Snapshot { layers },
            step: Some(step),
            update_elrs: updates.into_iter().collect(),
            warnings: notes.into_iter().map(|note| self.prefixed(&note)).collect(),
        })
    }

    fn prefixed(&self, note: &str) -> String {
        match note.starts_with(self.names) {
            true => note.to_owned(),
            false => format!("{}: {note}", self.names),
        }
    }

    /// Refuses a log in which nothing is a norm, and says why.
    fn refuse_no_norms(&self, layers: &[Layer]) -> Result<(), LogError> {
        if let Some(layer) = layers
            .iter()
            .find(|layer| layer.name.contains(breaks_a_line))
        {
            return Err(LogError::BadName {
                name: layer.name.clone(),
            });
        }
        if layers.iter().any(|layer| needs(layer).is_some()) {
            return Ok(());
        }
        if !self.points.histograms.is_empty() {
            return Err(LogError::Histograms {
                names: self.names.to_owned(),
                tags: self.points.histograms.iter().cloned().collect(),
            });
        }
        if layers.iter().any(|layer| !rollup::is_named_so(&layer.name)) {
            return Ok(());
        }
        let norms = self
            .points
            .series
            .iter()
            .filter(|series| series.meaning.quantity != Quantity::Rate);
        let mut tags: Vec<String> = norms.map(|series| series.tag.clone()).collect();
        tags.extend(self.likely_first());
        Err(LogError::NoNorms {
            names: self.names.to_owned(),
            weight: self.points.names.shown(Quantity::Weight),
            gradient: self.points.names.shown(Quantity::Gradient),
            tags,
        })
    }

    /// Other tags, those first that sound like norms.
    fn likely_first(&self) -> Vec<String> {
        let mut tags: Vec<String> = self.points.others.iter().cloned().collect();
        let sounds = |tag: &String| {
            let tag = tag.to_ascii_lowercase();
            !["norm", "grad", "param", "weight"]
                .iter()
                .any(|word| tag.contains(word))
        };
        tags.sort_by_key(sounds);
        tags
    }

    fn without_rollups(&self, layers: Vec<Layer>, notes: &mut Vec<String>) -> Vec<Layer> {
        let (rollups, kept): (Vec<Layer>, Vec<Layer>) = layers
            .into_iter()
            .partition(|layer| rollup::is_named_so(&layer.name));
        if kept.is_empty() {
            return rollups;
        }
        if !rollups.is_empty() {
            let tags = rollups
                .iter()
                .flat_map(Layer::tags)
                .map(|series| &self.points.series[series].tag);
            let tags: BTreeSet<&String> = tags.collect();
            notes.push(format!(
                "set aside {}: over all weights, not of a layer",
                quote_all(tags.iter())
            ));
        }
        kept
    }

    /// The layers that have all norms at some step.
    fn paired(&self, layers: Vec<Layer>, notes: &mut Vec<String>) -> Result<Vec<Layer>, LogError> {
        let (paired, single): (Vec<Layer>, Vec<Layer>) =
            layers.into_iter().partition(|layer| needs(layer).is_some());
        let lacks = |layer: &Layer| match layer.has(Quantity::Weight) {
            true => Quantity::Gradient,
            false => Quantity::Weight,
        };
        let names_that_lack = |quantity| {
            let names = single.iter().filter(move |layer| lacks(layer) == quantity);
            names.map(|layer| layer.name.as_str()).collect::<Vec<_>>()
        };
        let problems: Vec<String> = [Quantity::Weight, Quantity::Gradient]
            .into_iter()
            .map(|quantity| (quantity, names_that_lack(quantity)))
            .filter(|(_, names)| !names.is_empty())
            .map(|(quantity, names)| {
                let has = if names.len() == 1 { "has" } else { "have" };
                let names = quote_all(names.iter());
                format!("{names} {has} no {}", self.points.names.shown(quantity))
            })
            .collect();
        if paired.is_empty() {
            return Err(LogError::Unpaired {
                names: self.names.to_owned(),
                problem: problems.join("; "),
                tags: self.likely_first(),
            });
        }
        notes.extend(
            problems
                .into_iter()
                .map(|problem| format!("set aside: {problem}")),
        );
        Ok(paired)
    }

    /// A layer, and the ELR of its update where that was logged.
    fn entry(
        &self,
        layer: &Layer,
        rate: &Layer,
        step: u64,
    ) -> Result<(LayerEntry, Option<Elr>), LogError> {
        let known = |quantity| match layer.at(quantity, step) {
            Value::Known(point) => Some(point.value),
            _ => None,
        };
        let (weight, gradient) = (known(Quantity::Weight), known(Quantity::Gradient));
        let rate = match rate.at(Quantity::Rate, step) {
            Value::Known(point) if point.value > 0.0 => Some(point.value),
            _ => None,
        };
        let ratio = |up: Option<f64>| Some(Elr::new(up? / weight?));
        let out_of_range = |_| LogError::OutOfRange {
            names: self.names.to_owned(),
            layer: quote(&layer.name),
            quantity: "elr",
            value: format!("{gradient:?}/{weight:?}"),
            step,
            advice: "leave the layer out".to_owned(),
        };
        let by_update = ratio(
            known(Quantity::Update)
                .zip(rate)
                .map(|(norm, rate)| norm / rate),
        );
        let update_elr = by_update.and_then(Result::ok);
        let given = known(Quantity::Elr).map(Elr::new);
        let elr = ratio(gradient)
            .or(given)
            .transpose()
            .map_err(out_of_range)?
            .or(update_elr);
        let elr = elr.ok_or_else(|| LogError::Unpaired {
            names: self.names.to_owned(),
            problem: format!(
                "{} has update_norm but no grad_norm, and the log has no learning rate at step {step} to divide by",
                quote(&layer.name)
            ),
            tags: self.likely_first(),
        })?;
        let entry = LayerEntry {
            name: layer.name.clone(),
            elr,
            weight_norm: weight.and_then(|norm| WeightNorm::new(norm).ok()),
            gradient_norm: gradient.and_then(|norm| GradientNorm::new(norm).ok()),
            numel: layer
                .last(Quantity::Numel, step)
                .filter(|n| *n >= 1.0)
                .map(|n| n as u64),
            cosine: known(Quantity::Cosine).filter(|cosine| cosine.abs() <= 1.0),
        };
        Ok((entry, update_elr))
    }
}

/// Control characters, and the line and paragraph separators of Unicode.
fn breaks_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

fn without_sums(layers: Vec<Layer>, step: u64, notes: &mut Vec<String>) -> Vec<Layer> {
    let sums = rollup::sums(&layers, step);
    if sums.is_empty() || sums.len() == layers.len() {
        return layers;
    }
    let names = sums.iter().map(|index| &layers[*index].name);
    notes.push(format!(
        "set aside {}: the norm of other layers together",
        quote_all(names)
    ));
    let kept = layers
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !sums.contains(index));
    kept.map(|(_, layer)| layer).collect()
}
