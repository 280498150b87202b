//! Optimisers as they are written on a command line, such as `momentum:mu=0.9,l2=1e-4`.
#![no_main]
#![allow(dead_code, reason = "the other parsers are other targets")]

#[path = "../../crates/evenkeel/tests/parsing/mod.rs"]
mod parsing;

libfuzzer_sys::fuzz_target!(|text: &str| {
    parsing::optimizer(text);
});
