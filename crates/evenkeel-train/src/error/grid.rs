//! Errors in a file of runs.

use thiserror::Error;

/// More runs than this are a typing error.
pub(crate) const MOST_RUNS: usize = 100_000;

/// A grid that cannot be read.
#[derive(Debug, Error)]
pub enum GridError {
    /// It is not TOML.
    #[error("{file}: {problem}")]
    Toml {
        /// The file.
        file: String,
        /// What is wrong, with its place.
        problem: String,
    },
    /// `grid` is not a list of tables.
    #[error("{file}: `grid` must be tables, each begun by [[grid]]")]
    NoTables {
        /// The file.
        file: String,
    },
    /// A list without values.
    #[error(
        "{file}: `{option}` is an empty list, which leaves no run; give it a value or leave it out"
    )]
    Empty {
        /// The file.
        file: String,
        /// The option.
        option: String,
    },
    /// Too many combinations.
    #[error("{file}: more than {MOST_RUNS} runs; shorten the lists or split the file")]
    TooMany {
        /// The file.
        file: String,
    },
    /// A run that cannot be.
    #[error("{file}, run {number} of a grid: {problem}")]
    Run {
        /// The file.
        file: String,
        /// Which run, counted from 1.
        number: usize,
        /// The problem.
        problem: String,
    },
}
