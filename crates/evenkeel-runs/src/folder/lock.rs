//! The lock of a run's folder: one process writes to it at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::files::{CHECKPOINTS, LOCK};
use crate::error::RunsError;
use crate::file::{UNFINISHED, remove_if_there};

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
    /// [`RunsError::FolderLocked`] or [`RunsError::Io`].
    pub fn take(folder: &Path) -> Result<Self, RunsError> {
        fs::create_dir_all(folder).map_err(RunsError::io(folder))?;
        let path = folder.join(LOCK);
        let file = File::create(&path).map_err(RunsError::io(&path))?;
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
            Err(TryLockError::WouldBlock) => Err(RunsError::FolderLocked {
                path: folder.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(RunsError::Io { path, source }),
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
    /// [`RunsError::Io`].
    pub fn tidy(&self) -> Result<(), RunsError> {
        for folder in [self.folder.clone(), self.folder.join(CHECKPOINTS)] {
            if !folder.is_dir() {
                continue;
            }
            for entry in fs::read_dir(&folder).map_err(RunsError::io(&folder))? {
                let path = entry.map_err(RunsError::io(&folder))?.path();
                if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                    remove_if_there(&path)?;
                }
            }
        }
        Ok(())
    }
}

impl Lock {
    /// The locked folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
