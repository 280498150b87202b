//! Settings that differ between runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::entry::Entry;

/// Settings by name.
type Settings = BTreeMap<String, String>;

/// The text for a setting that a run lacks.
pub const ABSENT: &str = "–";

/// The names of settings that differ between `runs`, in alphabetical order.
pub fn differing(runs: &[&Entry]) -> Vec<String> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.settings.keys()).collect();
    let differs = |name: &&String| {
        let mut values = runs.iter().map(|run| run.settings.get(*name));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    names.into_iter().filter(differs).cloned().collect()
}

/// The value of a setting, or a dash where a run has none.
pub fn setting<'a>(run: &'a Entry, name: &str) -> &'a str {
    run.settings.get(name).map_or(ABSENT, String::as_str)
}

/// Groups of runs that differ in `name` at most, in the order of their first runs.
pub fn groups<'a>(runs: &[&'a Entry], name: &str) -> Vec<Vec<&'a Entry>> {
    let mut groups: Vec<(Settings, Vec<&Entry>)> = Vec::new();
    for &run in runs {
        let mut rest = run.settings.clone();
        rest.remove(name);
        match groups.iter_mut().find(|(settings, _)| *settings == rest) {
            Some((_, group)) => group.push(run),
            None => groups.push((rest, vec![run])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Mean, lowest and highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Mean.
    pub mean: f64,
    /// Lowest.
    pub lowest: f64,
    /// Highest.
    pub highest: f64,
    /// Number of values.
    pub count: usize,
}

impl Span {
    /// The span of some values; `None` of none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.collect();
        let count = values.len();
        (count > 0).then(|| Self {
            mean: values.iter().sum::<f64>() / count as f64,
            lowest: values.iter().copied().fold(f64::INFINITY, f64::min),
            highest: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(settings: &[(&str, &str)]) -> Entry {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Entry {
            name: String::new(),
            values: Vec::new(),
            settings: settings.iter().map(owned).collect(),
        }
    }

    #[test]
    fn only_what_differs_is_named_also_where_one_has_none() {
        let (a, b) = (
            run(&[("lr", "1"), ("seed", "0")]),
            run(&[("lr", "1"), ("clip_norm", "2"), ("seed", "1")]),
        );
        assert_eq!(differing(&[&a, &b]), ["clip_norm", "seed"]);
        assert_eq!(
            (setting(&a, "clip_norm"), setting(&b, "clip_norm")),
            (ABSENT, "2")
        );
        assert!(differing(&[&a, &a]).is_empty() && differing(&[]).is_empty());
    }

    #[test]
    fn groups_hold_what_differs_in_the_seed_alone() {
        let runs: Vec<Entry> = [("1", "0"), ("2", "0"), ("1", "1")]
            .map(|(lr, seed)| run(&[("lr", lr), ("seed", seed)]))
            .into();
        let runs: Vec<&Entry> = runs.iter().collect();
        let sizes = |name| groups(&runs, name).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(
            (sizes("seed"), sizes("lr"), sizes("data")),
            (vec![2, 1], vec![2, 1], vec![1, 1, 1])
        );
    }

    #[test]
    fn a_span_is_of_what_there_is() {
        let span = Span::of([1.0, 4.0, 1.0].into_iter()).unwrap();
        assert_eq!(
            (span.mean, span.lowest, span.highest, span.count),
            (2.0, 1.0, 4.0, 3)
        );
        assert_eq!(Span::of(std::iter::empty()), None);
    }
}
