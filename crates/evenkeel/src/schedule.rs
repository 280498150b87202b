//! Schedules of the target learning rate: pure functions of the step.
//!
//! A [`Shape`] says which share of the peak rate each step gets; with a peak and a number of steps
//! it is a [`Schedule`]. A shape is one file under `schedule/` and one row in [`ALL`]; shapes joined
//! by `+` follow one another, as in `linear-warmup:100+cosine`. Rates that follow no formula are a
//! [`Table`], which is a [`Schedule`] by itself.

mod constant;
mod cosine;
mod cosine_warmup;
mod exponential;
mod exponential_warmup;
mod linear;
mod linear_warmup;
mod one_cycle;
mod step;
mod step_warmup;
mod table;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::quantity::LearningRate;
use crate::quote::quote;

pub use table::Table;

/// A row of [`ALL`]: a shape, how it is written and what it does.
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// How it is written, with its arguments.
    pub grammar: &'static str,
    /// One line for help texts, with the equation.
    pub summary: &'static str,
    /// One check for each argument.
    arguments: &'static [fn(f64) -> bool],
    /// What the arguments must be.
    permitted: &'static str,
    /// How many steps it takes, if its arguments say so. Otherwise it takes all that are left.
    length: fn(&[f64]) -> Option<usize>,
    /// The share of the peak at `step` of `steps`, both counted from the start of the shape.
    share: fn(arguments: &[f64], step: usize, steps: usize) -> f64,
}

/// Every shape, the default first.
pub const ALL: &[Entry] = &[
    constant::ENTRY,
    linear_warmup::ENTRY,
    cosine_warmup::ENTRY,
    step_warmup::ENTRY,
    exponential_warmup::ENTRY,
    linear::ENTRY,
    cosine::ENTRY,
    step::ENTRY,
    exponential::ENTRY,
    one_cycle::ENTRY,
];

/// A schedule that could not be read.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// No such shape.
    #[error(
        "unknown schedule {}; permitted: {}, and warm-ups such as linear-warmup:100+cosine",
        quote(given),
        grammars()
    )]
    Unknown {
        /// What was given.
        given: String,
    },
    /// A known shape with arguments it cannot use.
    #[error("schedule {}: write {grammar}, {permitted}", quote(given))]
    Argument {
        /// What was given.
        given: String,
        /// How it is written.
        grammar: &'static str,
        /// What would be permitted.
        permitted: &'static str,
    },
    /// A shape without an end, with another one after it.
    #[error(
        "schedule {} has no end of its own, so nothing can follow it; write it last",
        quote(given)
    )]
    Endless {
        /// The shape that does not end.
        given: String,
    },
    /// A table without rows.
    #[error("a schedule holds no rate, but must hold at least one; give the rate of step 0")]
    NoRates,
}

fn grammars() -> String {
    let all: Vec<&str> = ALL.iter().map(|entry| entry.grammar).collect();
    all.join(", ")
}

/// How a rate changes over a run, apart from its size. Read from text with [`FromStr`].
#[derive(Debug, Clone)]
pub struct Shape {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    entry: &'static Entry,
    arguments: Vec<f64>,
}

/// The target rate of every step: a shape with its peak and the length of the run, or a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule(Course);

#[derive(Debug, Clone, PartialEq)]
enum Course {
    Shaped {
        shape: Shape,
        peak: LearningRate,
        steps: usize,
    },
    Written(Table),
}

impl Schedule {
    /// The rates of a run of `steps` steps, at most `peak`.
    pub fn new(shape: Shape, peak: LearningRate, steps: usize) -> Self {
        Self(Course::Shaped { shape, peak, steps })
    }

    /// The target rate at `step`, counted from 0. After the end it stays what it is at the end.
    pub fn at(&self, step: usize) -> LearningRate {
        match &self.0 {
            Course::Shaped { shape, peak, steps } => peak.fraction(shape.share(step, *steps)),
            Course::Written(table) => table.at(step),
        }
    }
}

impl From<Table> for Schedule {
    fn from(table: Table) -> Self {
        Self(Course::Written(table))
    }
}

impl Shape {
    /// The share of the peak rate, from 0 to 1, at `step` of `steps`, counted from 0.
    pub fn share(&self, step: usize, steps: usize) -> f64 {
        let (mut step, mut steps) = (step.min(steps), steps);
        let mut share = 0.0;
        for part in &self.parts {
            share = (part.entry.share)(&part.arguments, step, steps);
            match (part.entry.length)(&part.arguments) {
                Some(length) if step >= length => {
                    step -= length;
                    steps -= length.min(steps);
                }
                _ => break,
            }
        }
        share
    }
}

impl FromStr for Shape {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let parts: Vec<Part> = text
            .split('+')
            .map(|part| part.trim().parse())
            .collect::<Result<_, _>>()?;
        let endless = parts.iter().rev().skip(1).find(|part| !part.ends());
        match endless {
            Some(part) => Err(ScheduleError::Endless {
                given: part.to_string(),
            }),
            None => Ok(Self { parts }),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(Part::to_string).collect();
        f.write_str(&parts.join("+"))
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Part {
    fn ends(&self) -> bool {
        (self.entry.length)(&self.arguments).is_some()
    }
}

impl FromStr for Part {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        let entry = ALL.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| ScheduleError::Unknown {
            given: text.to_owned(),
        })?;
        // What is no number fails every check.
        let arguments: Vec<f64> = words.map(|word| word.parse().unwrap_or(f64::NAN)).collect();
        let checks = entry.arguments;
        let valid = arguments
            .iter()
            .zip(checks)
            .all(|(&value, check)| check(value));
        if valid && arguments.len() == checks.len() {
            Ok(Self { entry, arguments })
        } else {
            Err(ScheduleError::Argument {
                given: text.to_owned(),
                grammar: entry.grammar,
                permitted: entry.permitted,
            })
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry.name)?;
        self.arguments
            .iter()
            .try_for_each(|value| write!(f, ":{value}"))
    }
}

/// A whole number of steps from 1.
fn is_count(value: f64) -> bool {
    value.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&value)
}

/// A factor above 0 and at most 1.
fn is_factor(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}
