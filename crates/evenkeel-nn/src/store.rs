//! Official files of data sets on this machine: where they are, and whether they are what they
//! should be. Nothing is used before its size and SHA-256 were checked.

mod download;
mod incoming;

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::hash::hexadecimal;
use incoming::Incoming;

/// The variable that says where the files are.
pub const VARIABLE: &str = "EVENKEEL_DATA";

/// A file as its authors published it.
#[derive(Debug, Clone, Copy)]
pub struct OfficialFile {
    /// Its name.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
    /// Where it can be downloaded: addresses to which its name is added.
    pub places: &'static [&'static str],
}

/// A source of a file.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Its official places.
    Official,
    /// A place that has copies of official files, by their names.
    Mirror(String),
    /// A copy on this machine: the file, or the folder that it is in.
    Local(PathBuf),
}

/// How much of a file is present, by its size alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Absent,
    /// The bytes of a download that can be resumed.
    Begun(u64),
    /// A file of the right size.
    Present,
}

/// The folder that holds official files, in one folder a data set.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The user's store: the folder that [`VARIABLE`] names, otherwise one in the platform's cache.
    ///
    /// # Errors
    /// [`DataError::Homeless`] when there is neither.
    pub fn locate() -> Result<Self, DataError> {
        match env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Ok(Self::at(folder)),
            None => {
                let platform = choose_native_strategy().map_err(|_| DataError::Homeless)?;
                Ok(Self::at(platform.cache_dir().join("evenkeel")))
            }
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file of a data set.
    pub fn path(&self, set: &str, file: &OfficialFile) -> PathBuf {
        self.folder.join(set).join(file.name)
    }

    /// How much of a file is present.
    pub fn presence(&self, set: &str, file: &OfficialFile) -> Presence {
        let path = self.path(set, file);
        let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
        match (size(&path), size(&incoming::part(&path))) {
            (Some(bytes), _) if bytes == file.bytes => Presence::Present,
            (_, Some(bytes)) => Presence::Begun(bytes),
            _ => Presence::Absent,
        }
    }

    /// Opens a file after checking it.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Unverified`] or [`DataError::Io`].
    pub fn open(&self, set: &'static str, wanted: &OfficialFile) -> Result<File, DataError> {
        let path = self.path(set, wanted);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DataError::Missing { name: set, path });
            }
            file => file.map_err(DataError::io(&path))?,
        };
        let (hash, bytes) = digest(&mut file).map_err(DataError::io(&path))?;
        wanted.check(bytes, hash).map_err(|problem| {
            let advice = format!("`evenkeel data get {set}` replaces it");
            DataError::Unverified {
                path: path.clone(),
                problem: format!("{problem}; {advice}"),
            }
        })?;
        file.rewind().map_err(DataError::io(&path))?;
        Ok(file)
    }

    /// Gets a file that is not there, or not as it should be. Returns whether it had to. It appears
    /// under its name once it is whole and checked. `progress` is told how many bytes there are.
    ///
    /// # Errors
    /// [`DataError`] says what is wrong, and what has arrived of a download is kept.
    pub fn get(
        &self,
        set: &'static str,
        wanted: &OfficialFile,
        origin: &Origin,
        progress: &mut dyn FnMut(u64),
    ) -> Result<bool, DataError> {
        if self.open(set, wanted).is_ok() {
            return Ok(false);
        }
        let mut incoming = Incoming::begin(&self.path(set, wanted), wanted)?;
        match origin {
            Origin::Official => download::download(&mut incoming, wanted.places, progress)?,
            Origin::Mirror(place) => download::download(&mut incoming, &[place], progress)?,
            Origin::Local(path) => incoming.copy(path, progress)?,
        }
        incoming.commit()?;
        Ok(true)
    }
}

impl OfficialFile {
    /// Compares size and hash with what they should be.
    fn check(&self, bytes: u64, hash: Sha256) -> Result<(), String> {
        if bytes != self.bytes {
            return Err(format!("it has {bytes} bytes instead of {}", self.bytes));
        }
        let found = hexadecimal(&hash.finalize());
        if found != self.sha256 {
            return Err(format!("its SHA-256 is {found} instead of {}", self.sha256));
        }
        Ok(())
    }
}

/// The hash of all that follows in a file, and how much that is.
fn digest(file: &mut File) -> std::io::Result<(Sha256, u64)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hash, bytes)),
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}
