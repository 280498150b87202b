//! How far runs are, on standard error.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_runs::folder::{Outcome, StepLine};
use evenkeel_runs::summary::decades;
use evenkeel_train::error::TrainError;
use evenkeel_train::sweep::{Cell, Watcher};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::message;

const EACH: &str = "{prefix:<22} {bar:24} {pos:>5}/{len} {msg}  {eta} left";
const ALL: &str = "{msg}  {bar:24} {percent:>3} %  {elapsed} so far, {eta} left";

/// Progress bars.
pub enum Progress {
    /// A bar a run, by its name.
    Each(HashMap<String, ProgressBar>),
    /// One bar for the steps of all runs. Failures are told as they happen.
    All {
        bar: ProgressBar,
        counts: Mutex<Counts>,
        runs: usize,
    },
}

/// How far a sweep is.
#[derive(Default)]
pub struct Counts {
    ended: usize,
    failed: usize,
    /// Steps of runs that are going on.
    steps: HashMap<String, u64>,
}

fn bar(steps: usize, template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps as u64).with_style(style)
}

impl Progress {
    /// A bar for each of a few runs.
    pub fn of_each(cells: &[Cell]) -> Self {
        let bars = MultiProgress::new();
        let bar = |cell: &Cell| {
            let bar = bar(cell.requested.steps, EACH).with_prefix(cell.name.clone());
            (cell.name.clone(), bars.add(bar))
        };
        Self::Each(cells.iter().map(bar).collect())
    }

    /// One bar for all of many runs.
    pub fn of_all(cells: &[Cell]) -> Self {
        let steps = cells.iter().map(|cell| cell.requested.steps).sum();
        let bar = bar(steps, ALL);
        bar.set_message(format!("0 of {} runs", cells.len()));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self::All {
            bar,
            counts: Mutex::default(),
            runs: cells.len(),
        }
    }

    /// Takes the bar for all runs away.
    pub fn clear(&self) {
        if let Self::All { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Progress {
    fn step(&self, cell: &Cell, line: &StepLine) {
        match self {
            Self::Each(bars) => {
                if let Some(bar) = bars.get(&cell.name) {
                    show_step(bar, line);
                }
            }
            Self::All { bar, counts, .. } => {
                *lock(counts).steps.entry(cell.name.clone()).or_default() += 1;
                bar.inc(1);
            }
        }
    }

    fn ended(&self, cell: &Cell, result: &Result<Outcome, TrainError>) {
        match self {
            Self::Each(bars) => {
                if let Some(bar) = bars.get(&cell.name) {
                    bar.abandon();
                }
            }
            Self::All { bar, counts, runs } => {
                show_end(bar, &mut lock(counts), *runs, cell, result);
            }
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show_step(bar: &ProgressBar, line: &StepLine) {
    if bar.position() == 0 {
        bar.enable_steady_tick(Duration::from_millis(250));
        bar.reset_elapsed();
    }
    let spread = line
        .spread_range
        .map_or("–".to_owned(), |range| format!("{:.2}", decades(range)));
    bar.set_message(format!(
        "loss {:.3}  lr {:.3e}  spread {spread} decades",
        line.loss, line.lr
    ));
    bar.set_position(line.step as u64 + 1);
}

fn show_end(
    bar: &ProgressBar,
    counts: &mut Counts,
    runs: usize,
    cell: &Cell,
    result: &Result<Outcome, TrainError>,
) {
    // Steps that were done earlier, or never will be.
    let done = counts.steps.remove(&cell.name).unwrap_or(0);
    bar.inc((cell.requested.steps as u64).saturating_sub(done));
    counts.ended += 1;
    if let Err(error) = result {
        counts.failed += 1;
        bar.suspend(|| eprintln!("{}: {}", cell.name, message::of_train(error)));
    }
    let failed = match counts.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    bar.set_message(format!("{} of {runs} runs{failed}", counts.ended));
}
