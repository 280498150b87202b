//! The learning rate of every step: a number, a schedule around it, or a file.

use std::fs;

use anyhow::anyhow;
use evenkeel::quantity::LearningRate;
use evenkeel::schedule::{self, Schedule, ScheduleError, Table};
use evenkeel_snapshot::Rates;

use crate::args::network::listed;
use crate::exit::usage;

/// What begins the name of a file in place of a schedule.
const FILE: &str = "file:";
/// How such a schedule is written, and what it is.
const FILE_ROW: (&str, &str) = (
    "file:PATH",
    "a row for each step of CSV, JSON or JSONL, then the last one; column lr (absolute, without --lr) or share (of \
     --lr), optionally step; stands alone",
);

#[derive(Debug, clap::Args)]
pub struct RateArgs {
    /// Learning rate: the peak of the schedule. To be left out with a file of absolute rates.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr: Option<f64>,

    /// Schedule of the target rate.
    #[arg(long, value_name = "SCHEDULE", default_value = "constant", long_help = listed("Schedule of the target rate; `+` puts one after another.", schedule::ALL.iter().map(|s| (s.grammar, s.summary)).chain([FILE_ROW])))]
    schedule: String,
}

impl RateArgs {
    /// The checked schedule of a run of `steps` steps.
    pub fn schedule(&self, steps: usize) -> anyhow::Result<Schedule> {
        let lr = self.lr.map(checked).transpose()?;
        if let Some(path) = self.schedule.strip_prefix(FILE) {
            return from_file(path, lr);
        }
        let shape = self.schedule.parse().map_err(|error| match error {
            ScheduleError::Unknown { .. } => usage(format!("{error}, or {} alone", FILE_ROW.0)),
            error => usage(error),
        })?;
        let missing = "--lr is missing: give the peak of the schedule, such as --lr 0.1, or the rate of every step by \
                       --schedule file:PATH";
        let peak = lr.ok_or_else(|| usage(missing))?;
        Ok(Schedule::new(shape, peak, steps))
    }
}

/// The value of --lr as a rate.
pub fn checked(lr: f64) -> anyhow::Result<LearningRate> {
    LearningRate::new(lr).map_err(|error| usage(format!("--lr: {error}")))
}

fn from_file(path: &str, lr: Option<LearningRate>) -> anyhow::Result<Schedule> {
    if path.is_empty() {
        return Err(usage("--schedule file: names no file; write file:PATH"));
    }
    let bytes = fs::read(path).map_err(|error| anyhow!("{path}: {error}"))?;
    let table = match (Rates::parse(path, &bytes)?, lr) {
        (Rates::Absolute(rates), None) => Table::of_rates(rates),
        (Rates::Shares(shares), Some(peak)) => Table::of_shares(&shares, peak),
        (Rates::Absolute(_), Some(lr)) => {
            return Err(usage(format!(
                "--lr is {lr}, but {path} holds absolute rates in its column lr; leave --lr out, or call the column \
                 share and let it be the share of --lr"
            )));
        }
        (Rates::Shares(_), None) => {
            return Err(usage(format!(
                "--lr is missing: {path} holds shares of it in its column share; give the peak, such as --lr 0.1"
            )));
        }
    };
    Ok(table?.into())
}
