//! Many runs: what a grid asks for, a few at a time, each in a folder of its own.
//!
//! A run's folder is named by what was asked for, so that the same run is found again by whoever asks for
//! it: a sweep that is started again goes on where it was, and sweeps into one folder share their runs.

pub mod grid;
mod queue;

use std::any::Any;
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_nn::dataset::Dataset;
use evenkeel_nn::hash::hexadecimal;
use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::files::{CHECKPOINTS, HEADER};
use evenkeel_runs::folder::{Outcome, StepLine};
use evenkeel_runs::settings::RunSettings;
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::resolve::{data_key, resolve_on};
use crate::run::ResolvedRun;
use crate::trainer::{self, Job, Keeping, Observer, Start};

pub use queue::in_parallel;

/// A run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its folder: a few words and a hash of all that was asked for.
    pub name: String,
    /// What was asked for.
    pub raw: RunSettings,
}

impl Cell {
    /// The run of a specification.
    ///
    /// # Errors
    /// [`RunsError::Malformed`] should the specification hold what TOML cannot.
    pub fn of(raw: RunSettings) -> Result<Self, TrainError> {
        let text = toml::to_string(&raw).map_err(RunsError::malformed(Path::new(HEADER)))?;
        let hash = hexadecimal(&Sha256::digest(text.as_bytes())[..5]);
        let depth = raw.depth.map_or(String::new(), |depth| depth.to_string());
        let words = format!(
            "{}{depth}-{}-lr{}-s{}",
            raw.model, raw.control, raw.lr, raw.seed
        );
        let name = words.replace(
            |c: char| !(c.is_ascii_alphanumeric() || "+.-".contains(c)),
            "-",
        );
        Ok(Self {
            name: format!("{name}-{hash}"),
            raw,
        })
    }
}

/// The runs of some specifications, each once, in their order.
///
/// # Errors
/// As [`Cell::of`].
pub fn cells(raws: Vec<RunSettings>) -> Result<Vec<Cell>, TrainError> {
    let mut cells: Vec<Cell> = Vec::with_capacity(raws.len());
    let mut seen = std::collections::HashSet::new();
    for raw in raws {
        let cell = Cell::of(raw)?;
        if seen.insert(cell.name.clone()) {
            cells.push(cell);
        }
    }
    Ok(cells)
}

/// Who does the runs.
#[derive(Debug)]
pub struct Workers<'a> {
    /// Runs at a time.
    pub jobs: usize,
    /// Threads that compute each.
    pub threads: usize,
    /// Whether runs that have ended keep their checkpoints, which are most of their bytes.
    pub keep_checkpoints: bool,
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

/// Does all runs that have not ended yet, below `folder`, and says how each ended.
///
/// A run that fails, or panics, does not keep the others from theirs. Once stopped, runs that have not
/// begun are interrupted at step 0.
pub fn run(
    cells: &[Cell],
    folder: &Path,
    workers: &Workers,
    watcher: &dyn Watcher,
) -> Vec<Result<Outcome, TrainError>> {
    let data = Loaded::default();
    in_parallel(cells.iter().collect(), workers.jobs, |cell: &Cell| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            one(cell, folder, workers, watcher, &data)
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
    workers: &Workers,
    watcher: &dyn Watcher,
    data: &Loaded,
) -> Result<Outcome, TrainError> {
    let place = folder.join(&cell.name);
    if let Some(outcome) = trainer::ended(&place)? {
        return Ok(outcome);
    }
    if workers.stop.load(Ordering::Relaxed) {
        return Ok(Outcome::Interrupted { step: 0 });
    }
    let run = data.resolve(cell.raw.clone())?;
    let job = Job {
        run: &run,
        folder: place.clone(),
        start: Start::Resume,
        checkpoints: Keeping {
            every: run.settings.eval_every,
            keep: 1,
        },
        threads: workers.threads,
        events: false,
        stop: workers.stop,
    };
    let outcome = trainer::train(&job, &mut Steps { cell, watcher })?;
    let over = !matches!(outcome, Outcome::Interrupted { .. });
    if over && !workers.keep_checkpoints {
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

/// Data sets that runs share.
#[derive(Debug, Default)]
struct Loaded(Mutex<HashMap<String, Arc<Dataset>>>);

impl Loaded {
    fn resolve(&self, raw: RunSettings) -> Result<ResolvedRun, TrainError> {
        let key = data_key(&raw);
        let known = self.lock().get(&key).map(Arc::clone);
        let spec = resolve_on(raw, known)?;
        self.lock()
            .entry(key)
            .or_insert_with(|| Arc::clone(&spec.data));
        Ok(spec)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Dataset>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it said nothing").to_owned()
}
