//! Places where tests stop the program to kill it.
//!
//! `EVENKEEL_FAILPOINT=NAME:COUNT:FILE` makes the program create FILE when it comes to the place NAME
//! for the COUNTth time, and wait there. Without the variable a place costs a look at a flag.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Name of the environment variable.
const VARIABLE: &str = "EVENKEEL_FAILPOINT";

struct Stop {
    name: String,
    left: AtomicUsize,
    file: String,
}

static STOP: OnceLock<Option<Stop>> = OnceLock::new();

/// Whether there is a place to stop at.
pub fn is_set() -> bool {
    STOP.get_or_init(read).is_some()
}

/// A place called `name`.
pub fn at(name: &str) {
    let Some(stop) = STOP.get_or_init(read) else {
        return;
    };
    if stop.name == name && stop.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // The test waits for the file; without it, it fails by itself.
        let _ = std::fs::write(&stop.file, name);
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

fn read() -> Option<Stop> {
    let text = std::env::var(VARIABLE).ok()?;
    let mut parts = text.splitn(3, ':');
    Some(Stop {
        name: parts.next()?.to_owned(),
        left: AtomicUsize::new(parts.next()?.parse().ok()?),
        file: parts.next()?.to_owned(),
    })
}
