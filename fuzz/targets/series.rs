//! The readers of rates and scales over steps.
#![no_main]
#![allow(dead_code, reason = "norms are another target")]

#[path = "../../crates/evenkeel-snapshot/tests/common/mod.rs"]
mod common;
#[path = "../../crates/evenkeel-snapshot/tests/common/series.rs"]
mod series;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    series::check(bytes);
});
