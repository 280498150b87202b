//! Whether a run's files are those that were read: their sizes and times.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::folder::files::{EVALS, HEADER, OUTCOME, STEPS};

/// The files that a row of the index is made from.
pub(super) const FILES: [&str; 4] = [HEADER, STEPS, EVALS, OUTCOME];

/// File systems keep times to 2 seconds or finer.
const COARSEST: Duration = Duration::from_secs(2);

/// The state of a run's files.
#[derive(Debug)]
pub struct Stamp {
    /// Size and time of each file.
    pub text: String,
    /// When the newest of them was written.
    pub newest: Option<SystemTime>,
    /// Whether a further change would make another stamp.
    pub is_settled: bool,
}

impl Stamp {
    /// Of the run in `folder`.
    pub fn of(folder: &Path) -> Self {
        let (mut text, mut newest) = (String::new(), None);
        for file in FILES {
            let metadata = fs::metadata(folder.join(file)).ok();
            let time = metadata.as_ref().and_then(|data| data.modified().ok());
            newest = newest.max(time);
            text += &match metadata {
                Some(data) => format!("{}@{} ", data.len(), nanoseconds(time)),
                None => "- ".to_owned(),
            };
        }
        let age = newest.and_then(|time| SystemTime::now().duration_since(time).ok());
        Self {
            text,
            newest,
            is_settled: age.is_some_and(|age| age > COARSEST),
        }
    }

    /// When the newest file was written, in seconds since 1970.
    pub fn seconds(&self) -> Option<u64> {
        let since = self.newest?.duration_since(UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    }
}

fn nanoseconds(time: Option<SystemTime>) -> u128 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}
