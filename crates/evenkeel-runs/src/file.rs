//! Files that are written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::error::RunsError;
use crate::failpoint;

/// The ending of files that are not whole yet.
pub(crate) const UNFINISHED: &str = "tmp";

/// Writes a file whole or not at all.
///
/// # Errors
/// [`RunsError::Io`]; an earlier file of that name stays as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RunsError> {
    write_atomically_with(path, |file| {
        file.write_all(bytes).map_err(RunsError::io(path))
    })
}

/// Writes a file piece by piece, whole or not at all.
///
/// # Errors
/// [`RunsError::Io`] or the error of `write`; an earlier file of that name stays as it was.
pub fn write_atomically_with<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, RunsError>,
) -> Result<T, RunsError> {
    let mut unfinished = beside(path).map_err(RunsError::io(path))?;
    let written = write(unfinished.as_file_mut())?;
    let file = unfinished.as_file();
    file.sync_all().map_err(RunsError::io(path))?;
    failpoint::at("file-written");
    let persisted = unfinished.persist(path);
    persisted.map_err(|error| RunsError::io(path)(error.error))?;
    Ok(written)
}

/// An empty file in the folder of `path`, which is removed unless it is renamed.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (prefix, suffix) = (format!("{name}."), format!(".{UNFINISHED}"));
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(&suffix);
    if let Some(permissions) = permissions() {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}

/// The permissions of a new file before the user's mask: temporary files are private by default.
#[cfg(unix)]
fn permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn permissions() -> Option<Permissions> {
    None
}

/// Removes a file that may not be there.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), RunsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RunsError::io(path)(error))
        }
        _ => Ok(()),
    }
}
