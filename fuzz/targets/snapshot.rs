//! The readers of CSV, JSON and JSON Lines, within the usual limits and within tight ones.
#![no_main]

use evenkeel_snapshot::Limits;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/evenkeel-snapshot/tests/common/mod.rs"]
mod common;

const TIGHT: Limits = Limits {
    bytes: 300,
    row_bytes: 40,
    rows: 2,
};

fuzz_target!(|bytes: &[u8]| {
    common::check(bytes, &Limits::default());
    common::check(bytes, &TIGHT);
});
