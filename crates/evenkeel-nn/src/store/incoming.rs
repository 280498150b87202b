//! A file on its way into the store: beside its place, under another name, until it is whole and
//! checked. What has arrived stays there when something goes wrong, so that it can be gone on with.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{OfficialFile, digest};
use crate::error::DataError;

/// The lock of the folder: one process writes to it.
const LOCK: &str = ".lock";

/// A file that is arriving.
#[derive(Debug)]
pub struct Incoming<'a> {
    wanted: &'a OfficialFile,
    path: PathBuf,
    part: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
    _lock: File,
}

/// The path of a file that is not whole yet.
pub fn part(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

impl<'a> Incoming<'a> {
    /// Begins with what has arrived of the file before.
    pub fn begin(path: &Path, wanted: &'a OfficialFile) -> Result<Self, DataError> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(DataError::io(folder))?;
        let lock = lock(folder)?;
        let part = part(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(DataError::io(&part))?;
        let (hash, bytes) = digest(&mut file).map_err(DataError::io(&part))?;
        let mut incoming = Self {
            wanted,
            path: path.to_owned(),
            part,
            file,
            hash,
            bytes,
            _lock: lock,
        };
        if incoming.bytes > wanted.bytes {
            incoming.restart()?;
        }
        Ok(incoming)
    }

    /// The file it is to become.
    pub fn wanted(&self) -> &'a OfficialFile {
        self.wanted
    }

    /// Bytes received.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forgets what has arrived.
    pub fn restart(&mut self) -> Result<(), DataError> {
        self.file.set_len(0).map_err(DataError::io(&self.part))?;
        std::io::Seek::rewind(&mut self.file).map_err(DataError::io(&self.part))?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    /// Takes what comes next; what is beyond the size of the file is left.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let room = usize::try_from(self.wanted.bytes - self.bytes).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.file
            .write_all(bytes)
            .map_err(DataError::io(&self.part))?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Checks size and hash.
    pub fn check(&self) -> Result<(), String> {
        self.wanted.check(self.bytes, self.hash.clone())
    }

    /// Takes a copy on this machine: a file, or the file of the right name in a folder.
    pub fn copy(&mut self, from: &Path, progress: &mut dyn FnMut(u64)) -> Result<(), DataError> {
        let mut path = from.to_owned();
        if path.is_dir() {
            path.push(self.wanted.name);
        }
        let mut source = File::open(&path).map_err(DataError::io(&path))?;
        let size = source.metadata().map_err(DataError::io(&path))?.len();
        let unverified = |problem| DataError::Unverified {
            path: path.clone(),
            problem,
        };
        if size != self.wanted.bytes {
            let problem = format!("it has {size} bytes instead of {}", self.wanted.bytes);
            return Err(unverified(problem));
        }
        self.restart()?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            match source.read(&mut buffer).map_err(DataError::io(&path))? {
                0 => break,
                count => self.append(&buffer[..count])?,
            }
            progress(self.bytes);
        }
        self.check().map_err(|problem| {
            // It is there in full: nothing of it is worth keeping.
            let _ = fs::remove_file(&self.part);
            unverified(problem)
        })
    }

    /// Gives the file its name, if it is what it should be.
    pub fn commit(self) -> Result<(), DataError> {
        self.check().map_err(|problem| DataError::Unverified {
            path: self.part.clone(),
            problem,
        })?;
        self.file.sync_all().map_err(DataError::io(&self.part))?;
        fs::rename(&self.part, &self.path).map_err(DataError::io(&self.path))?;
        // The name, too, is to outlive a power cut, where folders can be synchronised at all.
        if let Some(folder) = self
            .path
            .parent()
            .and_then(|folder| File::open(folder).ok())
        {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

fn lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(DataError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataError::Busy {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(DataError::Io { path, source }),
    }
}
