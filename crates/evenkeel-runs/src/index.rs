//! The runs under a folder, and an index that makes finding among them quick.
//!
//! Folders are the truth. The index, `.evenkeel-index.sqlite` beside them, holds one row a run and is
//! brought up to date whenever it is opened: only runs whose files have changed are read again. It can
//! be deleted at any time. It is kept without a write-ahead log, which network file systems do not bear.

pub mod column;
mod database;
mod discover;
pub mod entry;
pub mod filter;
mod stamp;
pub mod state;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::RunsError;
use crate::folder::Lock;
use database::{Changes, Database, Trouble};
use discover::{Found, discover};
use entry::Entry;
use filter::{Filter, Sort};
use stamp::Stamp;
use state::State;

/// The index within the folder that was asked about.
pub const FILE: &str = ".evenkeel-index.sqlite";

/// Which runs, in which order.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The condition that they meet.
    pub filter: Option<Filter>,
    /// By what they are sorted; by their names if by nothing.
    pub sort: Option<Sort>,
    /// The largest number of runs.
    pub limit: Option<usize>,
}

/// The runs under a folder.
#[derive(Debug)]
pub struct RunIndex {
    database: Database,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// Runs that had to be read.
    pub read: usize,
}

impl RunIndex {
    /// The runs under `root`, from the index there as far as it is still right. What cannot be used
    /// as an index is replaced, as is any with `rebuild`; where nothing can be written, the index is
    /// in memory alone.
    ///
    /// # Errors
    /// [`RunsError::NoRun`] if there is no such folder, [`RunsError::Index`].
    pub fn open(root: &Path, rebuild: bool) -> Result<Self, RunsError> {
        let found = discover(root)?;
        let path = root.join(FILE);
        let mut notes = found.notes.clone();
        let kept = match rebuild {
            true => discard(&path).and_then(|()| kept(&path, &found)),
            false => kept(&path, &found),
        };
        let replaced = match kept {
            Err(Trouble::Unusable(why)) => {
                notes.push(format!("{}: {why}: built anew", path.display()));
                discard(&path).and_then(|()| self::kept(&path, &found))
            }
            other => other,
        };
        let (database, read) = match replaced {
            Ok(opened) => opened,
            Err(Trouble::Unusable(why) | Trouble::Denied(why)) => {
                notes.push(format!(
                    "{}: {why}: the index is in memory only",
                    path.display()
                ));
                let mut database = Database::in_memory()?;
                let changes = changes(&database, &found)?;
                let read = changes.entries.len();
                database.apply(&changes)?;
                (database, read)
            }
        };
        Ok(Self {
            database,
            notes,
            read,
        })
    }

    /// The runs that `query` asks for.
    ///
    /// # Errors
    /// [`RunsError::Index`].
    pub fn select(&self, query: &Query) -> Result<Vec<Entry>, RunsError> {
        Ok(self.database.select(query)?)
    }
}

/// The index in `path`, up to date, and how many runs were read for it.
fn kept(path: &Path, found: &Found) -> Result<(Database, usize), Trouble> {
    let mut database = Database::open(path)?;
    let changes = changes(&database, found)?;
    if !changes.is_empty() {
        database.apply(&changes)?;
    }
    Ok((database, changes.entries.len()))
}

/// What is to be done about the rows in `database`. Runs are read before anything is locked, so that
/// nobody waits for it; who writes a row later than another has its stamp to be found out by.
fn changes(database: &Database, found: &Found) -> rusqlite::Result<Changes> {
    let mut rows = database.stamps()?;
    let mut changes = Changes::default();
    for (name, folder) in &found.runs {
        let stamp = Stamp::of(folder);
        match rows.remove(name) {
            Some((kept, state)) if kept == stamp.text => {
                let now = state.now(|| Lock::is_held(folder));
                if now != state {
                    changes.states.push((name.clone(), now));
                }
            }
            _ => {
                let entry = Entry::read(folder, name, &stamp);
                // What changed a moment ago may change again without another time or size.
                let text = match stamp.is_settled {
                    true => stamp.text,
                    false => String::new(),
                };
                changes.entries.push((entry, text));
            }
        }
    }
    changes.gone = rows.into_keys().collect();
    Ok(changes)
}

/// Removes an index and what an interrupted write to it may have left.
fn discard(path: &Path) -> Result<(), Trouble> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    for path in [PathBuf::from(journal), path.to_owned()] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Trouble::Denied(error.to_string()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The runs in `path`, which is a run's folder or one with runs somewhere below it, read from their
/// folders alone.
///
/// # Errors
/// [`RunsError::NoRun`].
pub fn read_all(path: &Path) -> Result<Vec<Entry>, RunsError> {
    let found = discover(path)?;
    let none = || RunsError::NoRun {
        path: path.to_owned(),
    };
    if found.runs.is_empty() {
        return Err(none());
    }
    let read = |(_, folder): &(String, PathBuf)| {
        let name = folder.display().to_string();
        Entry::read(folder, &name, &Stamp::of(folder))
    };
    Ok(found.runs.iter().map(read).collect())
}

impl State {
    /// What has become of a run whose files are as they were: one without an outcome may have been
    /// taken up or left since.
    fn now(self, is_held: impl Fn() -> bool) -> Self {
        match self {
            Self::Running | Self::Killed if is_held() => Self::Running,
            Self::Running | Self::Killed => Self::Killed,
            ended => ended,
        }
    }
}
