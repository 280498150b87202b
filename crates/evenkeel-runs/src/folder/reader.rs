//! Reading a run back, also one that was killed in the middle of a line.

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::control;
use serde::de::DeserializeOwned;

use super::files::{EVALS, HEADER, LAYERS, STEPS, TIMING, UNITS};
use super::header::Header;
use super::lines::{EvalLine, LayerLine, StepLine, TimingLine, UnitLine};
use super::outcome::Outcome;
use crate::error::RunsError;

/// A run as its folder tells it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// `run.toml`.
    pub header: Header,
    /// `steps.jsonl`.
    pub steps: Vec<StepLine>,
    /// `layers.jsonl`.
    pub layers: Vec<LayerLine>,
    /// `units.jsonl`; empty where units were not measured.
    pub units: Vec<UnitLine>,
    /// `evals.jsonl`.
    pub evals: Vec<EvalLine>,
    /// `timing.jsonl`, which nothing but the times of events depends on: empty where there is none.
    pub timing: Vec<TimingLine>,
    /// `outcome.json`; `None` for a run that is going on or was killed.
    pub outcome: Option<Outcome>,
}

impl Run {
    /// Reads the run in `folder`. A last line without its end, as a killed run leaves it, is passed
    /// over.
    ///
    /// # Errors
    /// [`RunsError::Io`], or [`RunsError::Malformed`] with file and line.
    pub fn load(folder: &Path) -> Result<Self, RunsError> {
        let run = Self {
            layers: lines(&folder.join(LAYERS))?,
            units: lines_if_there(&folder.join(UNITS))?,
            timing: lines_if_there(&folder.join(TIMING))?,
            ..Self::load_outline(folder)?
        };
        run.check_lengths()?;
        Ok(run)
    }

    /// The same without the lines of `layers.jsonl` and `units.jsonl`, which are most of a run's bytes, and
    /// of `timing.jsonl`.
    ///
    /// # Errors
    /// As [`Run::load`].
    pub fn load_outline(folder: &Path) -> Result<Self, RunsError> {
        Ok(Self {
            folder: folder.to_owned(),
            header: Header::load(folder)?,
            steps: lines(&folder.join(STEPS))?,
            layers: Vec::new(),
            units: Vec::new(),
            timing: Vec::new(),
            evals: lines(&folder.join(EVALS))?,
            outcome: Outcome::load(folder)?,
        })
    }

    fn check_lengths(&self) -> Result<(), RunsError> {
        let expected = self.header.layers.len();
        let wrong = self.layers.iter().position(|line| {
            [&line.weight_norm, &line.grad_norm, &line.cosine, &line.elr]
                .iter()
                .any(|array| array.len() != expected)
        });
        match wrong {
            None => Ok(()),
            Some(index) => Err(RunsError::Malformed {
                path: self.folder.join(LAYERS),
                line: Some(index + 1),
                problem: format!("an array has not the {expected} layers of {HEADER}"),
            }),
        }
    }

    /// The control, which names the run within a comparison.
    pub fn control(&self) -> &str {
        &self.header.spec.control
    }
}

/// Whether there is a run in `folder`.
pub fn is_run(folder: &Path) -> bool {
    folder.join(HEADER).exists()
}

/// Refuses a folder that holds a run already, unless it is to be replaced.
///
/// # Errors
/// [`RunsError::FolderTaken`].
pub fn refuse_taken(folder: &Path, overwrite: bool) -> Result<(), RunsError> {
    if !overwrite && folder.join(HEADER).exists() {
        return Err(RunsError::FolderTaken {
            path: folder.to_owned(),
        });
    }
    Ok(())
}

/// The runs in `folder`: itself if it is a run, otherwise the runs in its folders, in
/// the order of the table of controls.
///
/// # Errors
/// [`RunsError::NoRun`] when there is none; otherwise as [`Run::load`].
pub fn find_runs(folder: &Path) -> Result<Vec<Run>, RunsError> {
    if folder.join(HEADER).exists() {
        return Ok(vec![Run::load(folder)?]);
    }
    let none = || RunsError::NoRun {
        path: folder.to_owned(),
    };
    if !folder.is_dir() {
        return Err(none());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(RunsError::io(folder))? {
        let path = entry.map_err(RunsError::io(folder))?.path();
        if path.join(HEADER).exists() {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(none());
    }
    let mut runs = folders
        .iter()
        .map(|folder| Run::load(folder))
        .collect::<Result<Vec<_>, _>>()?;
    runs.sort_by_key(|run| rank(run.control()));
    Ok(runs)
}

/// Where a control's first part stands in the table: the free run comes first in every comparison.
fn rank(control: &str) -> usize {
    let name = control.split([':', '+']).next();
    let position = control::ALL
        .iter()
        .position(|entry| Some(entry.name) == name);
    position.unwrap_or(control::ALL.len())
}

fn read(path: &Path) -> Result<String, RunsError> {
    fs::read_to_string(path).map_err(RunsError::io(path))
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RunsError> {
    let text = read(path)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .enumerate()
        .map(|(index, line)| parse(path, index + 1, line))
        .collect()
}

/// Reads a file that not every run has.
fn lines_if_there<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RunsError> {
    match path.exists() {
        true => lines(path),
        false => Ok(Vec::new()),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, line: usize, text: &str) -> Result<T, RunsError> {
    serde_json::from_str(text).map_err(|error| RunsError::Malformed {
        path: path.to_owned(),
        line: Some(line),
        problem: error.to_string(),
    })
}
