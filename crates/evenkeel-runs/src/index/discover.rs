//! Where the runs are: every folder with a `run.toml` at any depth.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::RunsError;
use crate::folder::files::CHECKPOINTS;
use crate::folder::is_run;

/// What is under a folder.
#[derive(Debug)]
pub struct Found {
    /// Runs by their paths below the folder, in order.
    pub runs: Vec<(String, PathBuf)>,
    /// Folders that could not be looked into.
    pub notes: Vec<String>,
}

/// The runs in `root` and below. A link is followed to a run, but not to look for runs behind it, so
/// that links in a circle do no harm.
///
/// # Errors
/// [`RunsError::NoRun`] if there is no such folder.
pub fn discover(root: &Path) -> Result<Found, RunsError> {
    if !root.is_dir() {
        return Err(RunsError::NoRun {
            path: root.to_owned(),
        });
    }
    let (mut runs, mut notes) = (Vec::new(), Vec::new());
    let mut folders = vec![(root.to_owned(), true)];
    while let Some((folder, look)) = folders.pop() {
        if is_run(&folder) {
            runs.push((name(root, &folder), folder.clone()));
        }
        if !look {
            continue;
        }
        match below(&folder) {
            Ok(below) => folders.extend(below),
            Err(error) => notes.push(format!("{}: {error}", folder.display())),
        }
    }
    runs.sort();
    Ok(Found { runs, notes })
}

/// The folders in `folder`, and whether to look into them.
fn below(folder: &Path) -> std::io::Result<Vec<(PathBuf, bool)>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != CHECKPOINTS {
            folders.push((entry.path(), true));
        } else if kind.is_symlink() && entry.path().is_dir() {
            folders.push((entry.path(), false));
        }
    }
    Ok(folders)
}

/// A run's path below `root` with slashes, `.` for the root itself.
fn name(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    match parts.join("/") {
        name if name.is_empty() => ".".to_owned(),
        name => name,
    }
}
