//! The readers of logs, in every format that a single file can have.
#![no_main]

use evenkeel_snapshot::{Limits, LogOptions, parse_log};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut options = LogOptions::default();
    for step in [None, Some(0)] {
        options.step = step;
        check(bytes, &options);
    }
    options.weight = Some("w".to_owned());
    options.gradient = Some("g*".to_owned());
    options.limits = Limits {
        bytes: 300,
        row_bytes: 80,
        rows: 2,
    };
    check(bytes, &options);
});

/// What is read is finite, positive and named; what is refused is said on one line.
fn check(bytes: &[u8], options: &LogOptions) {
    match parse_log("log", bytes, options) {
        Ok(parsed) => {
            assert!(!parsed.snapshot.layers.is_empty());
            assert!(
                parsed
                    .snapshot
                    .elrs()
                    .iter()
                    .all(|elr| elr.get().is_finite())
            );
            assert!(
                parsed
                    .warnings
                    .iter()
                    .all(|warning| !warning.contains(char::is_control))
            );
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
}
