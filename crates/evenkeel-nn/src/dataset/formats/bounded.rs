//! Reading a file that may be damaged or hostile, front to back: never more than a bound, and with
//! the offset of what is wrong.

use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;

use crate::error::DataError;

/// A reader of unpacked bytes with a bound.
#[derive(Debug)]
pub struct Bounded<R> {
    reader: R,
    path: PathBuf,
    offset: u64,
    bound: u64,
}

impl<R: Read> Bounded<R> {
    /// What `reader` unpacks from the file at `path`, of which no more than `bound` bytes are read.
    pub fn new(reader: R, path: PathBuf, bound: u64) -> Self {
        Self {
            reader,
            path,
            offset: 0,
            bound,
        }
    }

    /// Bytes read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// An error at an offset.
    pub fn wrong(&self, offset: u64, problem: impl Into<String>) -> DataError {
        DataError::Malformed {
            path: self.path.clone(),
            offset,
            problem: problem.into(),
        }
    }

    /// An error of reading, here.
    pub fn failed(&self, error: &io::Error) -> DataError {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.wrong(self.offset, "it is cut off here"),
            _ => self.wrong(self.offset, format!("it cannot be read on: {error}")),
        }
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let mut array = [0; N];
        match self.read_exact(&mut array) {
            Ok(()) => Ok(array),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The next `count` bytes. A file that announces more than it has takes no memory for them.
    pub fn bytes(&mut self, count: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match self.by_ref().take(count).read_to_end(&mut bytes) {
            Err(error) => Err(self.failed(&error)),
            Ok(read) if (read as u64) < count => Err(self.failed(&ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(bytes),
        }
    }

    /// Refuses anything more.
    pub fn end(&mut self) -> Result<(), DataError> {
        let offset = self.offset;
        match self.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.wrong(offset, "it should end here")),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.offset += count as u64;
        if self.offset > self.bound {
            let problem = format!("it unpacks to more than the {} bytes permitted", self.bound);
            return Err(io::Error::other(problem));
        }
        Ok(count)
    }
}
