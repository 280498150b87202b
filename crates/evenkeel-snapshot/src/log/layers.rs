//! The layers of a log: names without wrappers, and every value that is known of each.

use std::collections::{BTreeMap, HashMap};

use evenkeel::quote::quote_all;

use crate::log::error::LogError;
use crate::log::points::{Origin, Point, Points, Series};
use crate::log::suffix::Suffix;
use crate::log::tag::Quantity;

/// What compilers and distributed training put into names.
const WRAPPERS: [&str; 5] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
    "_fsdp_wrapped_module_",
];

/// A layer and its values.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub name: String,
    tracks: BTreeMap<Quantity, Vec<(Point, usize)>>,
}

/// What is known at a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Missing,
    Known(Point),
    /// Two that differ, with their series.
    Conflict([(Point, usize); 2]),
}

impl Layer {
    pub fn has(&self, quantity: Quantity) -> bool {
        self.tracks.contains_key(&quantity)
    }

    /// The series that its values are of.
    pub fn tags(&self) -> impl Iterator<Item = usize> {
        self.tracks.values().flatten().map(|(_, series)| *series)
    }

    /// The value of a quantity at a step.
    pub fn at(&self, quantity: Quantity, step: u64) -> Value {
        let Some(track) = self.tracks.get(&quantity) else {
            return Value::Missing;
        };
        let start = track.partition_point(|(point, _)| point.step < step);
        let mut same = track[start..]
            .iter()
            .take_while(|(point, _)| point.step == step);
        let Some(first) = same.next() else {
            return Value::Missing;
        };
        match same.find(|(point, _)| point.value.to_bits() != first.0.value.to_bits()) {
            Some(other) => Value::Conflict([*first, *other]),
            None => Value::Known(first.0),
        }
    }

    /// The last value of a quantity up to a step: sizes are logged once.
    pub fn last(&self, quantity: Quantity, step: u64) -> Option<f64> {
        let track = self.tracks.get(&quantity)?;
        let end = track.partition_point(|(point, _)| point.step <= step);
        Some(track[..end].last().or(track.first())?.0.value)
    }

    /// The steps at which a quantity has values.
    pub fn steps(&self, quantity: Quantity) -> impl Iterator<Item = u64> {
        let track = self.tracks.get(&quantity);
        track.into_iter().flatten().map(|(point, _)| point.step)
    }
}

/// The layers of one run, in the order of the log, and its learning rate as a layer without a name.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub layers: Vec<Layer>,
    pub rate: Layer,
    pub notes: Vec<String>,
}

impl Layers {
    /// Gathers the series of the run that is wanted.
    pub fn gather(points: &Points, run: Option<&str>, names: &str) -> Result<Self, LogError> {
        let chosen = of_run(points, run, names)?;
        let mut found = Self::default();
        let chosen = found.without_epochs(chosen, points);
        let finals = final_names(&chosen, points);
        let mut known: HashMap<&str, usize> = HashMap::new();
        for index in chosen {
            let series = &points.series[index];
            let track = series.points.iter().map(|point| (*point, index));
            let quantity = series.meaning.quantity;
            if quantity == Quantity::Rate {
                found.rate.tracks.entry(quantity).or_default().extend(track);
                continue;
            }
            if series.points.is_empty() {
                continue;
            }
            let name = &finals[&original(series)];
            let at = *known.entry(name).or_insert_with(|| {
                found.layers.push(Layer {
                    name: name.clone(),
                    ..Layer::default()
                });
                found.layers.len() - 1
            });
            found.layers[at]
                .tracks
                .entry(quantity)
                .or_default()
                .extend(track);
        }
        for layer in found.layers.iter_mut().chain([&mut found.rate]) {
            for track in layer.tracks.values_mut() {
                track.sort_by_key(|(point, _)| point.step);
            }
        }
        Ok(found)
    }

    /// Leaves out means over an epoch of what is also there step by step.
    fn without_epochs(&mut self, chosen: Vec<usize>, points: &Points) -> Vec<usize> {
        let key = |series: &Series| (series.meaning.quantity, series.meaning.layer.clone());
        let mut finer = std::collections::HashSet::new();
        for index in &chosen {
            let series = &points.series[*index];
            if series.meaning.suffix != Suffix::Epoch {
                finer.insert(key(series));
            }
        }
        let coarse = |index: &usize| {
            let series = &points.series[*index];
            series.meaning.suffix == Suffix::Epoch && finer.contains(&key(series))
        };
        let (left_out, kept): (Vec<usize>, Vec<usize>) = chosen.into_iter().partition(coarse);
        if !left_out.is_empty() {
            let tags = left_out.iter().map(|index| &points.series[*index].tag);
            self.notes.push(format!(
                "set aside {}: means over an epoch",
                quote_all(tags)
            ));
        }
        kept
    }
}

/// The series of the run that is wanted, or of the only one that has norms.
fn of_run(points: &Points, run: Option<&str>, names: &str) -> Result<Vec<usize>, LogError> {
    let is_norm = |series: &Series| {
        let quantity = series.meaning.quantity;
        !series.points.is_empty()
            && !matches!(
                quantity,
                Quantity::Rate | Quantity::Numel | Quantity::Cosine
            )
    };
    let label = |series: &Series| match &series.run {
        Some(run) => run.clone(),
        None => points.sources[series.source].stem.clone(),
    };
    let norms = || points.series.iter().filter(|series| is_norm(series));
    let mut runs: Vec<String> = norms().map(label).collect();
    runs.sort();
    runs.dedup();
    let indices = 0..points.series.len();
    if let Some(wanted) = run {
        if !runs.iter().any(|run| run == wanted) {
            return Err(LogError::UnknownRun {
                names: names.to_owned(),
                run: wanted.to_owned(),
                runs,
            });
        }
        return Ok(indices
            .filter(|index| label(&points.series[*index]) == wanted)
            .collect());
    }
    let mut named: Vec<Option<&String>> = norms().map(|series| series.run.as_ref()).collect();
    named.sort();
    named.dedup();
    match named.as_slice() {
        [] => Ok(Vec::new()),
        // Files that do not name their run may each have a part of it.
        [only] => Ok(indices
            .filter(|index| points.series[*index].run.as_ref() == *only)
            .collect()),
        _ => Err(LogError::SeveralRuns {
            names: names.to_owned(),
            runs,
        }),
    }
}

/// The name of a series' layer as it stands in its tag.
fn original(series: &Series) -> String {
    series.meaning.layer.clone() + series.meaning.suffix.text()
}

/// Names without wrappers and suffixes, except where two layers would become one.
fn final_names(chosen: &[usize], points: &Points) -> HashMap<String, String> {
    let mut bare: HashMap<String, Vec<(Quantity, String)>> = HashMap::new();
    for index in chosen {
        let series = &points.series[*index];
        let originals = bare
            .entry(without_wrappers(&series.meaning.layer))
            .or_default();
        let named = (series.meaning.quantity, original(series));
        if !originals.contains(&named) {
            originals.push(named);
        }
    }
    let mut finals = HashMap::new();
    for (name, originals) in bare {
        let clash = originals
            .iter()
            .enumerate()
            .any(|(at, (quantity, original))| {
                let mut earlier = originals[..at].iter();
                earlier.any(|other| other.0 == *quantity && other.1 != *original)
            });
        for (_, original) in originals {
            let chosen = if clash {
                original.clone()
            } else {
                name.clone()
            };
            finals.insert(original, chosen);
        }
    }
    finals
}

/// A parameter's name as the model's author knows it.
fn without_wrappers(name: &str) -> String {
    let segments = name
        .split('.')
        .filter(|segment| !WRAPPERS.contains(segment));
    let mut segments: Vec<&str> = segments.collect();
    while segments.len() > 1 && segments[0] == "module" {
        segments.remove(0);
    }
    match segments.is_empty() {
        true => name.to_owned(),
        false => segments.join("."),
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tag = evenkeel::quote::quote(&self.tag);
        write!(f, "{}, {} {}, {tag}", self.source, self.unit, self.number)
    }
}
