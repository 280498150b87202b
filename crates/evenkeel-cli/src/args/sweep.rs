//! Arguments of commands that do many runs, and how the runs ended.

use std::path::Path;

use evenkeel_runs::folder::Outcome;
use evenkeel_train::error::TrainError;
use evenkeel_train::resolve::Resolver;
use evenkeel_train::sweep::{self, Cell, Jobs};
use evenkeel_train::trainer::Start;

use crate::args::cpu::CpuArgs;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::stop::stop_on_signal;

#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    #[command(flatten)]
    cpu: CpuArgs,

    /// Keep the runs' checkpoints, which are most of their bytes.
    #[arg(long)]
    keep_checkpoints: bool,
}

impl SweepArgs {
    /// Does the runs that have not ended yet, and shows how far they are.
    pub fn run(&self, cells: &[Cell], folder: &Path) -> anyhow::Result<Ended> {
        let stop = stop_on_signal()?;
        let jobs = Jobs {
            at_once: self.cpu.jobs(),
            threads: self.cpu.threads(cells.len()),
            start: Start::Resume,
            checkpoint_every: None,
            keep: 1,
            keep_checkpoints: self.keep_checkpoints,
            events: false,
            stop: &stop,
        };
        let progress = Progress::of_all(cells);
        let results = sweep::run(cells, folder, &jobs, &Resolver::default(), &progress);
        progress.clear();
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
