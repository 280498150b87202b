//! Writing a run: one whole line at a time, so that a killed run stays readable.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RunsError;
use crate::failpoint;
use crate::file::{remove_if_there, write_atomically};
use crate::folder::files::{EVALS, HEADER, LAYERS, OUTCOME, STEPS, TIMING, UNITS};
use crate::folder::{
    EvalLine, Header, LayerLine, Lock, Outcome, Run, StepLine, TimingLine, UnitLine,
};
use crate::tensorboard::{self, EventFile};

/// Lengths of a run's logs in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    steps: u64,
    layers: u64,
    #[serde(default)]
    units: u64,
    evals: u64,
    timing: u64,
}

/// The open files of a run. The folder is locked until this is dropped.
#[derive(Debug)]
pub struct RunWriter {
    folder: PathBuf,
    steps: Lines,
    layers: Lines,
    /// Where layers are divided into units.
    units: Option<Lines>,
    evals: Lines,
    timing: Lines,
    events: Option<EventFile>,
    _lock: Lock,
}

impl RunWriter {
    /// Starts a run in a locked folder, in place of an earlier run. Files that are not a run's are
    /// left alone. `events` asks for a file of them.
    ///
    /// # Errors
    /// [`RunsError::Io`].
    pub fn create(lock: Lock, header: &Header, events: bool) -> Result<Self, RunsError> {
        let folder = lock.folder();
        remove_if_there(&folder.join(OUTCOME))?;
        tensorboard::clear(folder, events)?;
        remove_if_there(&folder.join(UNITS))?;
        let divided = header.layers.iter().any(|layer| layer.units.is_some());
        let units = divided.then(|| Lines::create(folder, UNITS)).transpose()?;
        let mut writer = Self {
            steps: Lines::create(folder, STEPS)?,
            layers: Lines::create(folder, LAYERS)?,
            units,
            evals: Lines::create(folder, EVALS)?,
            timing: Lines::create(folder, TIMING)?,
            folder: folder.to_owned(),
            events: None,
            _lock: lock,
        };
        // Last: where there is a header, there are logs.
        failpoint::at("header-begins");
        write_atomically(
            &writer.folder.join(HEADER),
            header.to_toml(&writer.folder)?.as_bytes(),
        )?;
        failpoint::at("header-written");
        if events {
            writer.events = Some(EventFile::create(&writer.folder, header)?);
        }
        Ok(writer)
    }

    /// Goes on with a run that was broken off and cuts its logs back to `lengths`: what came later
    /// will be done again. So it does with the file of `events`, if one is asked for.
    ///
    /// # Errors
    /// [`RunsError::Malformed`] for a log that is shorter or has no line ending there, or
    /// [`RunsError::Io`].
    pub fn resume(lock: Lock, lengths: &Lengths, events: bool) -> Result<Self, RunsError> {
        let folder = lock.folder();
        remove_if_there(&folder.join(OUTCOME))?;
        let mut writer = Self {
            steps: Lines::resume(folder, STEPS, lengths.steps)?,
            layers: Lines::resume(folder, LAYERS, lengths.layers)?,
            units: match folder.join(UNITS).exists() {
                true => Some(Lines::resume(folder, UNITS, lengths.units)?),
                false => None,
            },
            evals: Lines::resume(folder, EVALS, lengths.evals)?,
            timing: Lines::resume(folder, TIMING, lengths.timing)?,
            folder: folder.to_owned(),
            events: None,
            _lock: lock,
        };
        if events {
            writer.events = Some(EventFile::of(&Run::load(&writer.folder)?)?);
        }
        Ok(writer)
    }

    /// Makes sure that all lines are on the disk, and says how long the logs are.
    ///
    /// # Errors
    /// [`RunsError::Io`].
    pub fn sync(&mut self) -> Result<Lengths, RunsError> {
        Ok(Lengths {
            steps: self.steps.sync()?,
            layers: self.layers.sync()?,
            units: self.units.as_mut().map_or(Ok(0), Lines::sync)?,
            evals: self.evals.sync()?,
            timing: self.timing.sync()?,
        })
    }

    /// Appends a step.
    ///
    /// # Errors
    /// [`RunsError::Io`]; what was written before stays readable.
    pub fn step(
        &mut self,
        step: &StepLine,
        layers: &LayerLine,
        units: Option<&UnitLine>,
        timing: &TimingLine,
    ) -> Result<(), RunsError> {
        self.layers.write(layers)?;
        if let (Some(lines), Some(units)) = (&mut self.units, units) {
            lines.write(units)?;
        }
        failpoint::at("step-half-logged");
        self.timing.write(timing)?;
        self.steps.write(step)?;
        match &mut self.events {
            Some(events) => events.step(step, layers, timing.seconds),
            None => Ok(()),
        }
    }

    /// Appends an evaluation.
    ///
    /// # Errors
    /// [`RunsError::Io`].
    pub fn eval(&mut self, eval: &EvalLine) -> Result<(), RunsError> {
        self.evals.write(eval)?;
        match &mut self.events {
            Some(events) => events.eval(eval),
            None => Ok(()),
        }
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// [`RunsError::Io`].
    pub fn finish(self, outcome: &Outcome) -> Result<(), RunsError> {
        failpoint::at("outcome-begins");
        write_atomically(&self.folder.join(OUTCOME), &json_line(outcome))
    }
}

/// A file of JSON lines.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    fn create(folder: &Path, name: &str) -> Result<Self, RunsError> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(RunsError::io(&path))?;
        Ok(Self { path, file })
    }

    fn resume(folder: &Path, name: &str, length: u64) -> Result<Self, RunsError> {
        let path = folder.join(name);
        let open = OpenOptions::new().read(true).write(true).open(&path);
        let mut file = open.map_err(RunsError::io(&path))?;
        cut(&mut file, length)
            .map_err(RunsError::io(&path))?
            .map_err(|problem| RunsError::Malformed {
                path: path.clone(),
                line: None,
                problem,
            })?;
        Ok(Self { path, file })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), RunsError> {
        let line = json_line(line);
        let (first, rest) = line.split_at(line.len() / 2);
        let mut write = |part: &[u8]| self.file.write_all(part).map_err(RunsError::io(&self.path));
        if failpoint::is_set() {
            // Killed here, a line is torn.
            write(first)?;
            failpoint::at("line-torn");
            return write(rest);
        }
        write(&line)
    }

    fn sync(&mut self) -> Result<u64, RunsError> {
        let length = self
            .file
            .sync_data()
            .and_then(|()| self.file.stream_position());
        length.map_err(RunsError::io(&self.path))
    }
}

/// Cuts a log back to `length` bytes, unless that is not where a line ends.
fn cut(file: &mut File, length: u64) -> std::io::Result<Result<(), String>> {
    let present = file.metadata()?.len();
    if present < length {
        return Ok(Err(format!(
            "{present} bytes, but the checkpoint was made when there were {length}: lines are missing"
        )));
    }
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            return Ok(Err(format!(
                "no line ends at byte {length}, where the checkpoint was made: it was changed"
            )));
        }
    }
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    Ok(Ok(()))
}

/// A value as one line of JSON.
fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec(value).expect("lines are numbers and strings, which serialise");
    bytes.push(b'\n');
    bytes
}
