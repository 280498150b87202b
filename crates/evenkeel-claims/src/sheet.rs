//! The numbers that a claim reads off each run.

use evenkeel_runs::folder::Run;
use evenkeel_runs::value::Value;

/// Numbers that are read off each run, as a table.
#[derive(Debug)]
pub struct Sheet {
    /// The name of its file.
    pub name: &'static str,
    /// Settings of the run that each row begins with, by their names in `run.toml`.
    pub settings: &'static [&'static str],
    /// The columns after them.
    pub columns: &'static [&'static str],
    /// The rows of a run, without its settings.
    pub rows: fn(&Run) -> Vec<Vec<Value>>,
}
