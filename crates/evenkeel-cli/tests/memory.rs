//! How much memory training takes: as much after many steps as after few, however many rows an
//! evaluation looks at.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::Folder;

const PATIENCE: Duration = Duration::from_secs(120);

/// The most memory that a run has had when it comes to its end, in KiB: the program waits there, so
/// that it can be looked at.
fn peak(folder: &Folder, name: &str, more: &[&str]) -> u64 {
    let marker = folder.0.join(format!("{name}.marker"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["train", "--depth", "20", "--width", "128", "--jobs", "1"])
        .args(["--control", "hold", "--out", &folder.path(name)])
        .args(more)
        .env(
            "EVENKEEL_FAILPOINT",
            format!("outcome-begins:1:{}", marker.display()),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !marker.exists() {
        assert!(child.try_wait().unwrap().is_none(), "{name} has ended");
        assert!(began.elapsed() < PATIENCE, "{name} does not come to an end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// What allocators and page tables may differ by, in KiB: 2 MiB as a rule, and 6 has been seen. If
/// tapes stayed, those of an evaluation's batches would be 40 MiB here, and those of 240 steps 960.
const SLACK: u64 = 16 * 1024;

#[test]
fn training_takes_no_more_memory_the_longer_it_goes_on() {
    let folder = Folder::new("memory-steps");
    let run = |name, steps| {
        let often = ["--eval-every", "40", "--eval-rows", "256"];
        peak(
            &folder,
            name,
            &[&["--steps", steps], often.as_slice()].concat(),
        )
    };
    let (few, many) = (run("few", "60"), run("many", "300"));
    assert!(many < few + SLACK, "{few} KiB, then {many} KiB");
}

#[test]
fn an_evaluation_takes_no_more_memory_the_more_rows_it_looks_at() {
    let folder = Folder::new("memory-rows");
    let run = |name, rows| peak(&folder, name, &["--steps", "2", "--eval-rows", rows]);
    let (few, many) = (run("few", "128"), run("many", "1400"));
    assert!(many < few + SLACK, "{few} KiB, then {many} KiB");
}
