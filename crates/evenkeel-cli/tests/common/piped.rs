//! The program with something on its standard input.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The network of the published reference values.
pub const NETWORK: &str = "layer,elr\na,0.002\nb,0.03\nc,0.4\nd,5\ne,60\n";

/// Runs the program with `input` on standard input.
pub fn evenkeel(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments closes its input early.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub fn json(arguments: &[&str], input: &str) -> Value {
    let run = evenkeel(arguments, input);
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    serde_json::from_slice(&run.stdout).unwrap()
}

pub fn close(actual: f64, expected: f64) {
    assert!(
        (actual / expected - 1.0).abs() < 1e-11,
        "{actual} instead of {expected}"
    );
}
