//! Drifts as they are written on a command line, such as `shift=-0.15,reach=0.77`.
#![no_main]
#![allow(dead_code, reason = "the other parsers are other targets")]

#[path = "../../crates/evenkeel/tests/parsing/mod.rs"]
mod parsing;

libfuzzer_sys::fuzz_target!(|text: &str| {
    parsing::drift(text);
});
