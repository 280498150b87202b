//! Many runs: what a grid asks for, a few at a time, each in a folder of its own.
//!
//! A run's folder is named by what was requested, so that the same run is found again by whoever requests
//! it: a sweep that is started again goes on where it was, and sweeps into one folder share their runs.

pub mod grid;
mod queue;

use std::any::Any;
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use evenkeel_nn::hash::hexadecimal;
use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::files::{CHECKPOINTS, HEADER};
use evenkeel_runs::folder::{Outcome, StepLine};
use evenkeel_runs::settings::{RequestedRun, RunSettings};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::resolve::Resolver;
use crate::run::ResolvedRun;
use crate::trainer::{self, Job, Keeping, Observer, Start};

pub use queue::in_parallel;

/// A run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its folder.
    pub name: String,
    /// The run as it was requested.
    pub requested: RequestedRun,
}

impl Cell {
    /// A run in a folder that is named by a few words and a hash of all that was requested.
    ///
    /// # Errors
    /// [`RunsError::Malformed`] should the settings hold what TOML cannot.
    pub fn of(requested: RequestedRun) -> Result<Self, TrainError> {
        let text = toml::to_string(&requested).map_err(RunsError::malformed(Path::new(HEADER)))?;
        let hash = hexadecimal(&Sha256::digest(text.as_bytes())[..5]);
        let RequestedRun {
            model,
            depth,
            control,
            lr,
            seed,
            ..
        } = &requested;
        let depth = depth.map_or(String::new(), |depth| depth.to_string());
        let words = format!("{model}{depth}-{control}-lr{lr}-s{seed}");
        let name = words.replace(
            |c: char| !(c.is_ascii_alphanumeric() || "+.-".contains(c)),
            "-",
        );
        Ok(Self {
            name: format!("{name}-{hash}"),
            requested,
        })
    }

    /// A run in a folder that is named by its control, as runs are that differ in nothing else. Rate
    /// and control are those that were resolved.
    pub fn by_control(requested: &RequestedRun, run: &ResolvedRun) -> Self {
        let RunSettings { lr, control, .. } = &run.recorded;
        Self {
            name: run.controls.folder_name(),
            requested: requested
                .clone()
                .with((*lr).into(), control.as_str().into()),
        }
    }
}

/// The runs requested, each once, in their order.
///
/// # Errors
/// As [`Cell::of`].
pub fn cells(requested: impl IntoIterator<Item = RequestedRun>) -> Result<Vec<Cell>, TrainError> {
    let mut seen = HashSet::new();
    let cells = requested.into_iter().map(Cell::of);
    let is_new = |cell: &Result<Cell, _>| match cell {
        Ok(cell) => seen.insert(cell.name.clone()),
        Err(_) => true,
    };
    cells.filter(is_new).collect()
}

/// How the runs of a sweep are done. No result depends on it.
#[derive(Debug)]
pub struct Jobs<'a> {
    /// Runs at a time.
    pub at_once: usize,
    /// Threads that compute each.
    pub threads: usize,
    /// What to do about runs that are there already.
    pub start: Start,
    /// Steps between checkpoints, if not those between evaluations.
    pub checkpoint_every: Option<usize>,
    /// How many of the newest checkpoints are kept while a run goes on.
    pub keep: usize,
    /// Whether runs that have ended keep their checkpoints, which are most of their bytes.
    pub keep_checkpoints: bool,
    /// Whether to write events for TensorBoard beside the logs.
    pub events: bool,
    /// Set from outside to stop after the steps at hand.
    pub stop: &'a AtomicBool,
}

/// Watches a sweep, from several threads.
pub trait Watcher: Sync {
    /// A step of a run was done.
    fn step(&self, cell: &Cell, line: &StepLine);
    /// A run has ended, or cannot be done.
    fn ended(&self, cell: &Cell, result: &Result<Outcome, TrainError>);
}

/// Does all runs below `folder` and says how each ended. Those that have ended already are left
/// alone, unless they are to be replaced.
///
/// A run that fails, or panics, does not keep the others from theirs. Once stopped, runs that have not
/// begun are interrupted at step 0.
pub fn run(
    cells: &[Cell],
    folder: &Path,
    jobs: &Jobs,
    resolver: &Resolver,
    watcher: &dyn Watcher,
) -> Vec<Result<Outcome, TrainError>> {
    in_parallel(cells.iter().collect(), jobs.at_once, |cell: &Cell| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            one(cell, folder, jobs, resolver, watcher)
        }));
        let result = result.unwrap_or_else(|panic| {
            Err(TrainError::Panicked {
                run: cell.name.clone(),
                what: words_of(panic.as_ref()),
            })
        });
        watcher.ended(cell, &result);
        result
    })
}

fn one(
    cell: &Cell,
    folder: &Path,
    jobs: &Jobs,
    resolver: &Resolver,
    watcher: &dyn Watcher,
) -> Result<Outcome, TrainError> {
    let place = folder.join(&cell.name);
    if let (Start::Resume, Some(outcome)) = (jobs.start, trainer::ended(&place)?) {
        return Ok(outcome);
    }
    if jobs.stop.load(Ordering::Relaxed) {
        return Ok(Outcome::Interrupted { step: 0 });
    }
    let run = resolver.resolve(&cell.requested)?;
    let job = Job {
        run: &run,
        folder: place.clone(),
        start: jobs.start,
        checkpoints: Keeping {
            every: jobs.checkpoint_every.unwrap_or(run.eval_every),
            keep: jobs.keep,
        },
        threads: jobs.threads,
        events: jobs.events,
        stop: jobs.stop,
    };
    let outcome = trainer::train(&job, &mut Steps { cell, watcher })?;
    let over = !matches!(outcome, Outcome::Interrupted { .. });
    if over && !jobs.keep_checkpoints {
        discard(&place.join(CHECKPOINTS))?;
    }
    Ok(outcome)
}

/// Removes a folder that may not be there: a run can end before its first checkpoint.
fn discard(folder: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(RunsError::io(folder)(error).into())
        }
        _ => Ok(()),
    }
}

struct Steps<'a> {
    cell: &'a Cell,
    watcher: &'a dyn Watcher,
}

impl Observer for Steps<'_> {
    fn step(&mut self, line: &StepLine) {
        self.watcher.step(self.cell, line);
    }
}

/// The message of a panic.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it said nothing").to_owned()
}
