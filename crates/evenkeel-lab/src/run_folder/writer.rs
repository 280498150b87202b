//! Writing a run: one whole line at a time, so that a killed run stays readable.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use burn_pack::AtomicFile;
use serde::Serialize;

use super::{
    EVALS, EvalLine, HEADER, Header, LAYERS, LOCK, LayerLine, OUTCOME, Outcome, STEPS, StepLine,
    TIMING, TimingLine,
};
use crate::error::LabError;

/// The open files of a run. The folder is locked until this is dropped.
#[derive(Debug)]
pub struct RunWriter {
    folder: PathBuf,
    steps: Lines,
    layers: Lines,
    evals: Lines,
    timing: Lines,
    _lock: File,
}

/// Refuses a folder that holds a run already, unless it is to be replaced.
///
/// # Errors
/// [`LabError::FolderTaken`].
pub fn refuse_taken(folder: &Path, overwrite: bool) -> Result<(), LabError> {
    if !overwrite && folder.join(HEADER).exists() {
        return Err(LabError::FolderTaken {
            path: folder.to_owned(),
        });
    }
    Ok(())
}

impl RunWriter {
    /// Locks `folder` and starts a run in it, in place of an earlier run if `overwrite` says so.
    /// Files that are not a run's are left alone.
    ///
    /// # Errors
    /// [`LabError::FolderTaken`], [`LabError::FolderLocked`] or [`LabError::Io`].
    pub fn create(folder: &Path, header: &Header, overwrite: bool) -> Result<Self, LabError> {
        fs::create_dir_all(folder).map_err(LabError::io(folder))?;
        let lock = lock(folder)?;
        refuse_taken(folder, overwrite)?;
        let outcome = folder.join(OUTCOME);
        if outcome.exists() {
            fs::remove_file(&outcome).map_err(LabError::io(&outcome))?;
        }
        let path = folder.join(HEADER);
        let text = toml::to_string(header).map_err(|error| LabError::Malformed {
            path: path.clone(),
            line: None,
            problem: error.to_string(),
        })?;
        write_atomically(&path, text.as_bytes())?;
        Ok(Self {
            steps: Lines::create(folder, STEPS)?,
            layers: Lines::create(folder, LAYERS)?,
            evals: Lines::create(folder, EVALS)?,
            timing: Lines::create(folder, TIMING)?,
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Appends a step.
    ///
    /// # Errors
    /// [`LabError::Io`]; what was written before stays readable.
    pub fn step(
        &mut self,
        step: &StepLine,
        layers: &LayerLine,
        timing: &TimingLine,
    ) -> Result<(), LabError> {
        self.layers.write(layers)?;
        self.timing.write(timing)?;
        self.steps.write(step)
    }

    /// Appends an evaluation.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn eval(&mut self, eval: &EvalLine) -> Result<(), LabError> {
        self.evals.write(eval)
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn finish(self, outcome: &Outcome) -> Result<(), LabError> {
        write_atomically(&self.folder.join(OUTCOME), &json_line(outcome))
    }
}

fn lock(folder: &Path) -> Result<File, LabError> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(LabError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LabError::FolderLocked {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(LabError::Io { path, source }),
    }
}

/// A file of JSON lines.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    fn create(folder: &Path, name: &str) -> Result<Self, LabError> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(LabError::io(&path))?;
        Ok(Self { path, file })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), LabError> {
        self.file
            .write_all(&json_line(line))
            .map_err(LabError::io(&self.path))
    }
}

/// A value as one line of JSON. Lines are plain structs of numbers, which always serialise.
fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Writes a file whole or not at all.
///
/// # Errors
/// [`LabError::Io`]; an earlier file of that name stays as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let failed = |error: burn_pack::Error| LabError::Io {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let (scratch, mut file) = AtomicFile::create(path).map_err(failed)?;
    file.write_all(bytes).map_err(LabError::io(path))?;
    file.sync_all().map_err(LabError::io(path))?;
    drop(file);
    scratch.commit().map_err(failed)
}
