//! The program, killed at a place in it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a test waits for what takes a fraction of a second.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `command`, holds it when it comes to `place` for the `count`th time, calls `meanwhile`, and
/// kills it. `false` when it never came there. `marker` is a file for this.
pub fn held_at(
    mut command: Command,
    (place, count): (&str, usize),
    marker: &Path,
    meanwhile: impl FnOnce(),
) -> bool {
    let _ = fs::remove_file(marker);
    let stop = format!("{place}:{count}:{}", marker.display());
    let mut child = command.env("EVENKEEL_FAILPOINT", stop).spawn().unwrap();
    let began = Instant::now();
    while !marker.exists() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < PATIENCE, "{place} {count}");
        std::thread::sleep(Duration::from_millis(1));
    }
    meanwhile();
    child.kill().unwrap();
    child.wait().unwrap();
    true
}
