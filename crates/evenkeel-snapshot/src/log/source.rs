//! Files and folders that are given as a log, read within bounds.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits::Limits;
use crate::log::error::LogError;

/// Standard input, as a path.
pub(crate) const STANDARD_INPUT: &str = "-";
/// Folders within folders that are looked into.
const DEEPEST: usize = 8;
/// Files that one folder may hold.
const MOST_FILES: usize = 20_000;
/// The file that makes a folder a run of evenkeel.
pub(crate) const RUN_HEADER: &str = "run.toml";

/// A file or a run's folder that is to be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// What messages call it.
    pub name: String,
    pub path: PathBuf,
    /// The path below the folder that was given, which names the run of a tracker's files.
    pub below: Option<String>,
    /// Whether it is the folder of a run.
    pub is_run: bool,
}

impl Source {
    /// The files behind a path that was given: itself, or what a folder holds, if it holds a log.
    pub fn find(given: &Path) -> Result<Vec<Self>, LogError> {
        if !given.is_dir() {
            return Ok(vec![Self::file(given, None)]);
        }
        let mut found = Found::default();
        found.look_into(given, given, 0)?;
        Ok(found.best().unwrap_or_default())
    }

    /// Bytes that are there already.
    pub fn named(name: &str) -> Self {
        Self::file(Path::new(name), None)
    }

    fn file(path: &Path, below: Option<String>) -> Self {
        Self {
            name: match path.as_os_str() == STANDARD_INPUT {
                true => "standard input".to_owned(),
                false => path.display().to_string(),
            },
            path: path.to_owned(),
            below,
            is_run: false,
        }
    }

    /// All bytes of a file, up to the limit.
    pub fn bytes(&self, limits: &Limits) -> Result<Vec<u8>, LogError> {
        let io = |error: io::Error| LogError::Unreadable {
            name: self.name.clone(),
            problem: error.to_string(),
        };
        let mut bytes = Vec::new();
        // One byte more than is permitted is enough to refuse.
        let most = limits.bytes as u64 + 1;
        if self.path.as_os_str() == STANDARD_INPUT {
            let input = io::stdin().lock();
            input.take(most).read_to_end(&mut bytes).map_err(io)?;
        } else {
            refuse_endless(&self.path, &self.name)?;
            let file = File::open(&self.path).map_err(io)?;
            file.take(most).read_to_end(&mut bytes).map_err(io)?;
        }
        if bytes.len() > limits.bytes {
            return Err(LogError::TooManyBytes {
                name: self.name.clone(),
                most: limits.bytes,
            });
        }
        Ok(bytes)
    }

    /// The file's name without its ending.
    pub fn stem(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }
}

/// A device never ends, and a named pipe may never begin. What a shell passes as a file descriptor is
/// read like standard input.
fn refuse_endless(path: &Path, name: &str) -> Result<(), LogError> {
    let metadata = fs::metadata(path).map_err(|error| LogError::Unreadable {
        name: name.to_owned(),
        problem: error.to_string(),
    })?;
    let by_the_shell = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];
    if metadata.is_file() || by_the_shell.iter().any(|folder| path.starts_with(folder)) {
        return Ok(());
    }
    Err(LogError::NotAFile {
        name: name.to_owned(),
    })
}

/// What a folder holds, by kind.
#[derive(Debug, Default)]
struct Found {
    runs: Vec<Source>,
    events: Vec<Source>,
    states: Vec<Source>,
    tables: Vec<Source>,
    files: usize,
}

impl Found {
    fn look_into(&mut self, folder: &Path, top: &Path, depth: usize) -> Result<(), LogError> {
        let unreadable = |error: io::Error| LogError::Unreadable {
            name: folder.display().to_string(),
            problem: error.to_string(),
        };
        let below = folder.strip_prefix(top).ok();
        let below = below.map(|path| path.to_string_lossy().into_owned());
        let below = below.filter(|path| !path.is_empty());
        if folder.join(RUN_HEADER).is_file() {
            self.runs.push(Source {
                is_run: true,
                ..Source::file(folder, below)
            });
            return Ok(());
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            paths.push(entry.map_err(unreadable)?.path());
            self.files += 1;
            if self.files > MOST_FILES {
                return Err(LogError::TooManyFiles {
                    folder: top.display().to_string(),
                    most: MOST_FILES,
                });
            }
        }
        paths.sort();
        for path in paths {
            if path.is_dir() {
                if depth < DEEPEST {
                    self.look_into(&path, top, depth + 1)?;
                }
            } else if path.is_file() {
                self.add(Source::file(&path, below.clone()));
            }
        }
        Ok(())
    }

    fn add(&mut self, file: Source) {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let ending = file.path.extension().unwrap_or_default();
        let ending = ending.to_string_lossy().to_ascii_lowercase();
        if name.contains("tfevents") {
            self.events.push(file);
        } else if name == "trainer_state.json" {
            self.states.push(file);
        } else if matches!(ending.as_str(), "csv" | "jsonl") {
            self.tables.push(file);
        }
    }

    /// Runs of evenkeel, otherwise events, and so on: a folder often holds the same numbers twice.
    fn best(self) -> Option<Vec<Source>> {
        [
            self.runs,
            self.events,
            newest_state(self.states),
            self.tables,
        ]
        .into_iter()
        .find(|sources| !sources.is_empty())
    }
}

/// Each checkpoint of a trainer repeats the history of those before it: the longest file has all.
fn newest_state(mut states: Vec<Source>) -> Vec<Source> {
    let bytes = |source: &Source| fs::metadata(&source.path).map_or(0, |file| file.len());
    states.sort_by_key(bytes);
    states.split_off(states.len().saturating_sub(1))
}
