//! Writing a run: one whole line at a time, so that a killed run stays readable.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use burn_pack::AtomicFile;
use serde::{Deserialize, Serialize};

use super::{
    CHECKPOINTS, EVALS, EvalLine, HEADER, Header, LAYERS, LOCK, LayerLine, OUTCOME, Outcome, STEPS,
    StepLine, TIMING, TimingLine, UNITS, UnitLine,
};
use crate::error::LabError;
use crate::failpoint;
use crate::run_folder::Run;
use crate::tensorboard::{self, EventFile};

/// How long the logs of a run are, in bytes.
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
    /// Where layers have units.
    units: Option<Lines>,
    evals: Lines,
    timing: Lines,
    events: Option<EventFile>,
    _lock: Lock,
}

/// A run's folder, locked until this is dropped: nobody else writes to it.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    _file: File,
}

/// A listing holds the lock for a moment to see whether somebody else does.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(10);

impl Lock {
    /// Makes and locks `folder`.
    ///
    /// # Errors
    /// [`LabError::FolderLocked`] or [`LabError::Io`].
    pub fn take(folder: &Path) -> Result<Self, LabError> {
        fs::create_dir_all(folder).map_err(LabError::io(folder))?;
        let path = folder.join(LOCK);
        let file = File::create(&path).map_err(LabError::io(&path))?;
        let mut tried = file.try_lock();
        for _ in 1..LOOKS {
            if !matches!(tried, Err(TryLockError::WouldBlock)) {
                break;
            }
            thread::sleep(LOOK);
            tried = file.try_lock();
        }
        match tried {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _file: file,
            }),
            Err(TryLockError::WouldBlock) => Err(LabError::FolderLocked {
                path: folder.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(LabError::Io { path, source }),
        }
    }

    /// Whether somebody is writing to the run in `folder`; not, as far as can be seen, where nothing
    /// can be locked.
    pub fn is_held(folder: &Path) -> bool {
        let path = folder.join(LOCK);
        // Opening what is no file, such as a pipe, might never end.
        let file = path.is_file().then(|| File::open(&path).ok()).flatten();
        let tried = file.map(|file| file.try_lock_shared());
        matches!(tried, Some(Err(TryLockError::WouldBlock)))
    }

    /// Removes what writes left behind that were killed in the middle.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn tidy(&self) -> Result<(), LabError> {
        for folder in [self.folder.clone(), self.folder.join(CHECKPOINTS)] {
            if !folder.is_dir() {
                continue;
            }
            for entry in fs::read_dir(&folder).map_err(LabError::io(&folder))? {
                let path = entry.map_err(LabError::io(&folder))?.path();
                if path.extension().is_some_and(|ending| ending == "tmp") {
                    remove_if_there(&path)?;
                }
            }
        }
        Ok(())
    }
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
    /// Starts a run in a locked folder, in place of an earlier run. Files that are not a run's are
    /// left alone. `events` asks for a file of them.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn create(lock: Lock, header: &Header, events: bool) -> Result<Self, LabError> {
        let folder = lock.folder.as_path();
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
    /// [`LabError::Malformed`] for a log that is shorter or has no line ending there, or
    /// [`LabError::Io`].
    pub fn resume(lock: Lock, lengths: &Lengths, events: bool) -> Result<Self, LabError> {
        let folder = lock.folder.as_path();
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
    /// [`LabError::Io`].
    pub fn sync(&mut self) -> Result<Lengths, LabError> {
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
    /// [`LabError::Io`]; what was written before stays readable.
    pub fn step(
        &mut self,
        step: &StepLine,
        layers: &LayerLine,
        units: Option<&UnitLine>,
        timing: &TimingLine,
    ) -> Result<(), LabError> {
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
    /// [`LabError::Io`].
    pub fn eval(&mut self, eval: &EvalLine) -> Result<(), LabError> {
        self.evals.write(eval)?;
        match &mut self.events {
            Some(events) => events.eval(eval),
            None => Ok(()),
        }
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn finish(self, outcome: &Outcome) -> Result<(), LabError> {
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
    fn create(folder: &Path, name: &str) -> Result<Self, LabError> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(LabError::io(&path))?;
        Ok(Self { path, file })
    }

    fn resume(folder: &Path, name: &str, length: u64) -> Result<Self, LabError> {
        let path = folder.join(name);
        let open = OpenOptions::new().read(true).write(true).open(&path);
        let mut file = open.map_err(LabError::io(&path))?;
        cut(&mut file, length)
            .map_err(LabError::io(&path))?
            .map_err(|problem| LabError::Malformed {
                path: path.clone(),
                line: None,
                problem,
            })?;
        Ok(Self { path, file })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), LabError> {
        let line = json_line(line);
        let (first, rest) = line.split_at(line.len() / 2);
        let mut write = |part: &[u8]| self.file.write_all(part).map_err(LabError::io(&self.path));
        if failpoint::is_set() {
            // Killed here, a line is torn.
            write(first)?;
            failpoint::at("line-torn");
            return write(rest);
        }
        write(&line)
    }

    fn sync(&mut self) -> Result<u64, LabError> {
        let length = self
            .file
            .sync_data()
            .and_then(|()| self.file.stream_position());
        length.map_err(LabError::io(&self.path))
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

fn remove_if_there(path: &Path) -> Result<(), LabError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LabError::io(path)(error))
        }
        _ => Ok(()),
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
    write_atomically_with(path, |file| {
        file.write_all(bytes).map_err(LabError::io(path))
    })
}

/// The same for what is written piece by piece.
///
/// # Errors
/// [`LabError::Io`] or the error of `write`; an earlier file of that name stays as it was.
pub fn write_atomically_with<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, LabError>,
) -> Result<T, LabError> {
    let failed = |error: burn_pack::Error| LabError::Io {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let (scratch, mut file) = AtomicFile::create(path).map_err(failed)?;
    let written = write(&mut file)?;
    file.sync_all().map_err(LabError::io(path))?;
    drop(file);
    failpoint::at("file-written");
    scratch.commit().map_err(failed)?;
    Ok(written)
}
