//! The numbers of a log: for each tag its values at steps, with where they were read.

use std::collections::{BTreeSet, HashMap};

use crate::log::cell::Cell;
use crate::log::error::LogError;
use crate::log::source::Source;
use crate::log::tag::{Meaning, Names};

/// Values kept: about 1 GB.
const MOST_VALUES: usize = 1 << 25;
/// Tags that are no norms and yet remembered, for messages.
const MOST_TAGS: usize = 10_000;

/// A value at a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub step: u64,
    pub value: f64,
    /// Decimals with which it was written, where it has no exponent.
    pub decimals: Option<u8>,
    /// The row, line or record.
    pub number: u32,
}

/// The values of a tag in one source.
#[derive(Debug)]
pub(crate) struct Series {
    /// As the source calls it.
    pub run: Option<String>,
    /// The index of the source.
    pub source: usize,
    pub tag: String,
    pub meaning: Meaning,
    pub points: Vec<Point>,
}

/// Where a value was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub source: String,
    pub tag: String,
    pub unit: &'static str,
    pub number: u32,
}

/// What messages call a source.
#[derive(Debug)]
pub(crate) struct Label {
    pub name: String,
    pub stem: String,
    unit: &'static str,
}

/// All numbers of a log that its readers found.
#[derive(Debug)]
pub(crate) struct Points {
    pub names: Names,
    pub sources: Vec<Label>,
    pub series: Vec<Series>,
    /// Other tags.
    pub others: BTreeSet<String>,
    /// Tags whose values are histograms.
    pub histograms: BTreeSet<String>,
    /// What the user should know.
    pub notes: Vec<String>,
    known: HashMap<(Option<String>, usize, String), usize>,
    values: usize,
}

impl Points {
    pub fn new(names: Names) -> Self {
        Self {
            names,
            sources: Vec::new(),
            series: Vec::new(),
            others: BTreeSet::new(),
            histograms: BTreeSet::new(),
            notes: Vec::new(),
            known: HashMap::new(),
            values: 0,
        }
    }

    /// All that follows is read from this source, which counts its values in `unit`s.
    pub fn begin(&mut self, source: &Source, unit: &'static str) {
        self.sources.push(Label {
            name: source.name.clone(),
            stem: source.stem(),
            unit,
        });
        self.known.clear();
    }

    /// The series of a tag, if it is a quantity of a layer or a learning rate.
    pub fn series(&mut self, run: Option<&str>, tag: &str) -> Option<usize> {
        match self.names.meaning(tag) {
            Some(meaning) => Some(self.series_of(run, tag, meaning)),
            None => {
                if self.others.len() < MOST_TAGS {
                    self.others.insert(tag.to_owned());
                }
                None
            }
        }
    }

    /// The series of a tag that is known to mean this.
    pub fn series_of(&mut self, run: Option<&str>, tag: &str, meaning: Meaning) -> usize {
        let source = self.sources.len().saturating_sub(1);
        let key = (run.map(str::to_owned), source, tag.to_owned());
        *self.known.entry(key).or_insert_with_key(|(run, ..)| {
            self.series.push(Series {
                run: run.clone(),
                source,
                tag: tag.to_owned(),
                meaning,
                points: Vec::new(),
            });
            self.series.len() - 1
        })
    }

    /// Adds what stands in a cell of a series.
    pub fn push(
        &mut self,
        series: usize,
        step: u64,
        cell: Cell,
        number: usize,
    ) -> Result<(), LogError> {
        let (value, decimals) = match cell {
            Cell::Number(value, decimals) => (value, decimals),
            Cell::Histogram => {
                let tag = self.series[series].tag.clone();
                self.histograms.insert(tag);
                return Ok(());
            }
            Cell::Blank | Cell::Text => return Ok(()),
        };
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(LogError::TooManyValues { most: MOST_VALUES });
        }
        self.series[series].points.push(Point {
            step,
            value,
            decimals,
            number: u32::try_from(number).unwrap_or(u32::MAX),
        });
        Ok(())
    }

    /// Notes that a tag holds histograms.
    pub fn saw_histogram(&mut self, tag: &str) {
        if self.histograms.len() < MOST_TAGS {
            self.histograms.insert(tag.to_owned());
        }
    }

    /// Where a point of a series was read.
    pub fn origin(&self, series: &Series, point: &Point) -> Origin {
        let label = &self.sources[series.source];
        Origin {
            source: label.name.clone(),
            tag: series.tag.clone(),
            unit: label.unit,
            number: point.number,
        }
    }
}
