//! The checkpoints of a run: `checkpoints/step-NNNNNNNN.ckpt`, the newest few and the best.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

use evenkeel_runs::error::RunsError;
use evenkeel_runs::failpoint;
use evenkeel_runs::file::write_atomically;
use evenkeel_runs::folder::files::CHECKPOINTS;

use super::Checkpoint;
use crate::error::SpecError;
use crate::error::TrainError;

const PREFIX: &str = "step-";
const ENDING: &str = ".ckpt";

/// Which checkpoint of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Newest,
    /// The one with the best test accuracy.
    Best,
    /// The one after so many updates.
    Step(usize),
}

impl FromStr for Which {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match (text, text.parse()) {
            ("newest", _) => Ok(Self::Newest),
            ("best", _) => Ok(Self::Best),
            (_, Ok(step)) => Ok(Self::Step(step)),
            _ => Err(SpecError::Unknown {
                field: "checkpoint",
                given: text.to_owned(),
                permitted: "newest, best, a number of steps".to_owned(),
            }),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("at all"),
            Self::Best => f.write_str("that was evaluated"),
            Self::Step(step) => write!(f, "of step {step}"),
        }
    }
}

/// The checkpoints in a run's folder.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
    /// Step and test accuracy of the best one so far.
    best: Option<(usize, f64)>,
}

impl Checkpoints {
    /// Those of the run in `run`, of which the newest `keep` are kept, and the one with the highest
    /// test accuracy.
    pub fn of(run: &Path, keep: usize) -> Self {
        Self {
            folder: run.join(CHECKPOINTS),
            keep,
            best: None,
        }
    }

    /// Writes a checkpoint and removes those that are to be kept no longer.
    ///
    /// # Errors
    /// [`RunsError::Io`]; earlier checkpoints are still there then.
    pub fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        fs::create_dir_all(&self.folder).map_err(RunsError::io(&self.folder))?;
        failpoint::at("checkpoint-begins");
        let step = checkpoint.state.step;
        write_atomically(&self.path(step), &checkpoint.to_bytes())?;
        failpoint::at("checkpoint-written");
        self.judge(checkpoint);
        self.prune()
    }

    /// The newest checkpoint, `None` when there is none.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when the newest one is damaged, or of another run than `run` says,
    /// with the newest one that can be used; [`RunsError::Io`].
    pub fn newest(&mut self, run: &str) -> Result<Option<Checkpoint>, TrainError> {
        let mut damaged: Option<(PathBuf, String)> = None;
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            let read = self.read(&path, run)?;
            match (read, damaged) {
                (Ok(checkpoint), None) => {
                    self.recall_best(run)?;
                    return Ok(Some(checkpoint));
                }
                (Ok(_), Some((damaged, problem))) => {
                    return Err(TrainError::Checkpoint {
                        path: damaged,
                        problem,
                        good: Some(path),
                    });
                }
                (Err(problem), earlier) => damaged = earlier.or(Some((path, problem))),
            }
        }
        match damaged {
            None => Ok(None),
            Some((path, problem)) => Err(TrainError::Checkpoint {
                path,
                problem,
                good: None,
            }),
        }
    }

    /// The checkpoint asked for.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] says which there are; otherwise as [`Checkpoints::newest`].
    pub fn find(&mut self, which: Which, run: &str) -> Result<Checkpoint, TrainError> {
        let found = match which {
            Which::Newest => self.newest(run)?,
            Which::Best => {
                self.recall_best(run)?;
                match self.best {
                    Some((step, _)) => Some(self.at(step, run)?),
                    None => None,
                }
            }
            Which::Step(step) if self.path(step).exists() => Some(self.at(step, run)?),
            Which::Step(_) => None,
        };
        match found {
            Some(checkpoint) => Ok(checkpoint),
            None => Err(TrainError::NoCheckpoint {
                path: self.folder.clone(),
                which: which.to_string(),
                there: self.steps()?,
            }),
        }
    }

    fn at(&self, step: usize, run: &str) -> Result<Checkpoint, TrainError> {
        let path = self.path(step);
        let problem = match self.read(&path, run)? {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(problem) => problem,
        };
        let others = self.steps()?.into_iter().rev().map(|step| self.path(step));
        let good = |path: &PathBuf| matches!(self.read(path, run), Ok(Ok(_)));
        Err(TrainError::Checkpoint {
            good: others.filter(|other| *other != path).find(good),
            path,
            problem,
        })
    }

    /// Removes all of them, with what an interrupted write has left.
    ///
    /// # Errors
    /// [`RunsError::Io`].
    pub fn clear(&mut self) -> Result<(), TrainError> {
        self.best = None;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(RunsError::io(&self.folder)(error).into())
            }
            _ => Ok(()),
        }
    }

    /// The error that the checkpoint of `step` cannot be made or used.
    pub fn unusable(&self, step: usize, problem: &dyn std::fmt::Display) -> TrainError {
        TrainError::Checkpoint {
            path: self.path(step),
            problem: problem.to_string(),
            good: None,
        }
    }

    fn path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:08}{ENDING}"))
    }

    /// A checkpoint, or what is wrong with it.
    fn read(&self, path: &Path, run: &str) -> Result<Result<Checkpoint, String>, TrainError> {
        let bytes = fs::read(path).map_err(RunsError::io(path))?;
        Ok(Checkpoint::from_bytes(&bytes).and_then(|checkpoint| {
            match checkpoint.state.run == run {
                true => Ok(checkpoint),
                false => Err("it belongs to another run than run.toml describes".to_owned()),
            }
        }))
    }

    /// The steps of the files there, ascending.
    fn steps(&self) -> Result<Vec<usize>, TrainError> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(RunsError::io(&self.folder))? {
            let name = entry.map_err(RunsError::io(&self.folder))?.file_name();
            let name = name.to_string_lossy();
            let number = name
                .strip_prefix(PREFIX)
                .and_then(|name| name.strip_suffix(ENDING));
            steps.extend(number.and_then(|number| number.parse::<usize>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    fn recall_best(&mut self, run: &str) -> Result<(), TrainError> {
        for step in self.steps()? {
            if let Ok(checkpoint) = self.read(&self.path(step), run)? {
                self.judge(&checkpoint);
            }
        }
        Ok(())
    }

    fn judge(&mut self, checkpoint: &Checkpoint) {
        let accuracy = checkpoint.state.best.test_accuracy();
        let better = |accuracy: &f64| self.best.is_none_or(|(_, best)| *accuracy > best);
        if let Some(accuracy) = accuracy.filter(better) {
            self.best = Some((checkpoint.state.step, accuracy));
        }
    }

    fn prune(&self) -> Result<(), TrainError> {
        let steps = self.steps()?;
        let old = &steps[..steps.len().saturating_sub(self.keep.max(1))];
        for step in old
            .iter()
            .filter(|step| self.best.map(|best| best.0) != Some(**step))
        {
            let path = self.path(*step);
            fs::remove_file(&path).map_err(RunsError::io(&path))?;
            failpoint::at("checkpoint-pruned");
        }
        Ok(())
    }
}
