//! Who does the work of a command, and how it is stopped.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_runs::folder::{Outcome, StepLine};
use evenkeel_train::error::TrainError;
use evenkeel_train::sweep::{self, Cell, Watcher, Workers};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Exit;
use crate::message;

/// How many runs at a time, by how many threads.
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    /// Runs at a time [default: the number of cores]. Results do not depend on it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Keep the runs' checkpoints, which are most of their bytes.
    #[arg(long)]
    keep_checkpoints: bool,
}

impl WorkerArgs {
    /// Does the runs of a sweep that have not ended yet, and shows how far they are.
    pub fn run(&self, cells: &[Cell], folder: &Path) -> anyhow::Result<Ended> {
        let stop = stop_on_signal()?;
        let jobs = self.jobs.map_or_else(cores, usize::from);
        let workers = Workers {
            jobs,
            threads: (cores() / jobs.min(cells.len()).max(1)).max(1),
            keep_checkpoints: self.keep_checkpoints,
            stop: &stop,
        };
        let progress = Progress::new(cells);
        let results = sweep::run(cells, folder, &workers, &progress);
        progress.bar.finish_and_clear();
        Ok(Ended::of(cells, results))
    }
}

/// How the runs of a sweep ended.
#[derive(Debug)]
pub struct Ended {
    /// Runs that diverged, which is a result like others.
    pub diverged: usize,
    /// Runs that were stopped.
    pub interrupted: usize,
    /// Runs that could not be done, and why.
    pub failed: Vec<(String, TrainError)>,
}

impl Ended {
    fn of(cells: &[Cell], results: Vec<Result<Outcome, TrainError>>) -> Self {
        let mut ended = Self {
            diverged: 0,
            interrupted: 0,
            failed: Vec::new(),
        };
        for (cell, result) in cells.iter().zip(results) {
            match result {
                Ok(Outcome::Diverged { .. }) => ended.diverged += 1,
                Ok(Outcome::Interrupted { .. }) => ended.interrupted += 1,
                Ok(Outcome::Completed | Outcome::Stopped { .. }) => {}
                Err(error) => ended.failed.push((cell.name.clone(), error)),
            }
        }
        ended
    }

    /// Interrupted before failed before done: what is to be done next.
    pub fn exit(&self) -> Exit {
        match (self.interrupted, self.failed.len()) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::File,
            _ => Exit::Interrupted,
        }
    }
}

/// How far a sweep is.
#[derive(Default)]
struct Counts {
    ended: usize,
    failed: usize,
    /// Steps of runs that are going on.
    steps: HashMap<String, u64>,
}

/// One bar for all steps of all runs.
struct Progress {
    bar: ProgressBar,
    counts: Mutex<Counts>,
    /// How many runs there are.
    runs: usize,
}

impl Progress {
    fn new(cells: &[Cell]) -> Self {
        let steps: usize = cells.iter().map(|cell| cell.raw.steps).sum();
        let template = "{msg}  {bar:24} {percent:>3} %  {elapsed} so far, {eta} left";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(steps as u64).with_style(style);
        bar.set_message(format!("0 of {} runs", cells.len()));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self {
            bar,
            counts: Mutex::default(),
            runs: cells.len(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Progress {
    fn step(&self, cell: &Cell, _: &StepLine) {
        *self.counts().steps.entry(cell.name.clone()).or_default() += 1;
        self.bar.inc(1);
    }

    fn ended(&self, cell: &Cell, result: &Result<Outcome, TrainError>) {
        let mut counts = self.counts();
        // Steps that were done earlier, or never will be.
        let done = counts.steps.remove(&cell.name).unwrap_or(0);
        self.bar.inc((cell.raw.steps as u64).saturating_sub(done));
        counts.ended += 1;
        if let Err(error) = result {
            counts.failed += 1;
            self.bar
                .suspend(|| eprintln!("{}: {}", cell.name, message::of_train(error)));
        }
        let failed = match counts.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        self.bar
            .set_message(format!("{} of {} runs{failed}", counts.ended, self.runs));
    }
}

/// A flag that the first Ctrl-C or SIGTERM sets; the second ends the program at once.
pub fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping after this step; once more to stop at once");
    })
    .map_err(|error| anyhow::anyhow!("cannot listen for Ctrl-C: {error}"))?;
    Ok(stop)
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
