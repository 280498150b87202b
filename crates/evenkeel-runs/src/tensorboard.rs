//! A run as TensorBoard reads it: `tensorboard/` in its folder, with one file of events.
//!
//! The file is a function of the run's logs, down to its times: `run.toml`'s, and on from there by
//! the seconds of `timing.jsonl`. So training appends to it line by line, a resumed run writes it
//! again up to the checkpoint without a byte changed (a TensorBoard that watches notices nothing),
//! and a report makes it from any run's folder.

mod event;
mod record;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::error::RunsError;
use crate::failpoint;
use crate::folder::files::header_file;
use crate::folder::{EvalLine, Header, LayerLine, Lock, Run, StepLine};
use crate::summary::decades;
use event::{Event, Scalar};

/// The folder within a run's.
pub(crate) const FOLDER: &str = "tensorboard";
/// TensorBoard takes every file with `tfevents` in its name.
const FILE: &str = "events.out.tfevents.evenkeel";

/// Encodes lines of logs as events.
#[derive(Debug)]
struct Encoder {
    /// Tags of the layers' ELRs.
    tags: Vec<String>,
    /// Seconds since 1970.
    time: f64,
}

impl Encoder {
    /// For the run in `folder`, which has that header.
    fn new(folder: &Path, header: &Header) -> Result<Self, RunsError> {
        let path = header_file(folder);
        let began = fs::metadata(&path).and_then(|file| file.modified());
        let began = began.map_err(RunsError::io(&path))?;
        let layers = header.layers.iter();
        Ok(Self {
            tags: layers.map(|layer| format!("elr/{}", layer.name)).collect(),
            time: began
                .duration_since(UNIX_EPOCH)
                .map_or(0.0, |time| time.as_secs_f64()),
        })
    }

    /// The first record of a file.
    fn version(&self) -> Vec<u8> {
        record::framed(&Event::version(self.time))
    }

    fn scalars<'a>(
        &self,
        step: usize,
        scalars: impl Iterator<Item = (&'a str, Option<f64>)>,
    ) -> Vec<u8> {
        let known = scalars.filter_map(|(tag, value)| Some(Scalar::new(tag, value?)));
        record::framed(&Event::scalars(self.time, step, known.collect()))
    }

    /// A step that took `seconds`.
    fn step(&mut self, step: &StepLine, layers: &LayerLine, seconds: f64) -> Vec<u8> {
        self.time += seconds;
        let whole = [
            ("loss", Some(step.loss)),
            ("lr", Some(step.lr)),
            ("elr/critical_lr", step.critical_lr),
            ("elr/spread_decades", step.spread_range.map(decades)),
        ];
        // A layer without gradient has no ELR.
        let alive = |elr: &f64| Some(*elr).filter(|elr| *elr > 0.0);
        let elrs = layers.elr.iter().map(alive);
        let tags = self.tags.iter().map(String::as_str);
        self.scalars(step.step, whole.into_iter().chain(tags.zip(elrs)))
    }

    fn eval(&self, eval: &EvalLine) -> Vec<u8> {
        let scalars = [
            ("eval/train_loss", eval.train_loss),
            ("eval/train_accuracy", Some(eval.train_accuracy)),
            ("eval/test_loss", eval.test_loss),
            ("eval/test_accuracy", Some(eval.test_accuracy)),
        ];
        self.scalars(eval.step, scalars.into_iter())
    }

    /// The whole file of a run, in the order in which training writes.
    fn run(&mut self, run: &Run) -> Vec<u8> {
        let mut bytes = self.version();
        let mut evals = run.evals.iter().peekable();
        let seconds = run.timing.iter().map(|timing| timing.seconds);
        let steps = run.steps.iter().zip(&run.layers);
        for ((step, layers), seconds) in steps.zip(seconds.chain(std::iter::repeat(0.0))) {
            while let Some(eval) = evals.next_if(|eval| eval.step <= step.step) {
                bytes.extend(self.eval(eval));
            }
            bytes.extend(self.step(step, layers, seconds));
        }
        evals.for_each(|eval| bytes.extend(self.eval(eval)));
        bytes
    }
}

/// The file of a run that goes on.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
    encoder: Encoder,
}

impl EventFile {
    /// Begins the file of a run that begins.
    pub(crate) fn create(folder: &Path, header: &Header) -> Result<Self, RunsError> {
        let encoder = Encoder::new(folder, header)?;
        let bytes = encoder.version();
        Self::holding(folder, &bytes, encoder)
    }

    /// The file of a run as its logs are, to go on with. It stays the same file, which a watching
    /// TensorBoard has open, and loses what is not in the logs.
    pub(crate) fn of(run: &Run) -> Result<Self, RunsError> {
        let mut encoder = Encoder::new(&run.folder, &run.header)?;
        let bytes = encoder.run(run);
        Self::holding(&run.folder, &bytes, encoder)
    }

    fn holding(folder: &Path, bytes: &[u8], encoder: Encoder) -> Result<Self, RunsError> {
        let folder = folder.join(FOLDER);
        fs::create_dir_all(&folder).map_err(RunsError::io(&folder))?;
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        let open = options.write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(RunsError::io(&path))?;
        file.write_all(bytes)
            .and_then(|()| file.set_len(bytes.len() as u64))
            .map_err(RunsError::io(&path))?;
        Ok(Self {
            path,
            file,
            encoder,
        })
    }

    pub(crate) fn step(
        &mut self,
        step: &StepLine,
        layers: &LayerLine,
        seconds: f64,
    ) -> Result<(), RunsError> {
        let bytes = self.encoder.step(step, layers, seconds);
        self.append(&bytes)
    }

    pub(crate) fn eval(&mut self, eval: &EvalLine) -> Result<(), RunsError> {
        let bytes = self.encoder.eval(eval);
        self.append(&bytes)
    }

    /// Nothing is buffered: what was appended is there for others to see.
    fn append(&mut self, bytes: &[u8]) -> Result<(), RunsError> {
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        let mut write = |part: &[u8]| self.file.write_all(part).map_err(RunsError::io(&self.path));
        if failpoint::is_set() {
            failpoint::at("event-begins");
            write(first)?;
            failpoint::at("event-torn");
            return write(rest);
        }
        write(bytes)
    }
}

/// Whether the run in `folder` has, or was to have, a file of events.
pub fn is_kept(folder: &Path) -> bool {
    folder.join(FOLDER).join(FILE).exists()
}

/// Removes the file of an earlier run in `folder`, or puts an empty one there: a run that is killed
/// before it has begun its events still is one with events.
pub(crate) fn clear(folder: &Path, events: bool) -> Result<(), RunsError> {
    let folder = folder.join(FOLDER);
    let path = folder.join(FILE);
    if events {
        let made = fs::create_dir_all(&folder).and_then(|()| File::create(&path));
        return made.map(drop).map_err(RunsError::io(&path));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RunsError::io(&path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes the file of a run that nobody else is writing, from its folder alone.
///
/// # Errors
/// [`RunsError::FolderLocked`] while it trains, or [`RunsError::Io`].
pub fn write(run: &Run) -> Result<PathBuf, RunsError> {
    let _lock = Lock::take(&run.folder)?;
    Ok(EventFile::of(run)?.path)
}
