//! A million layers over ten thousand steps, none of which is kept: time and peak memory.
//!
//! ```sh
//! cargo run --release -p evenkeel-bulk --example streaming [LAYERS [STEPS]]
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it found")]

use evenkeel::quantity::{Elr, LearningRate};
use evenkeel_bulk::BulkSgd;
use std::time::Instant;

fn main() -> Result<(), std::num::ParseIntError> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse());
    let layers = sizes.next().unwrap_or(Ok(1_000_000_usize))?;
    let steps = sizes.next().unwrap_or(Ok(10_000_usize))?;

    let elr = |layer| Elr::from_ln((layer as f64 * 1.7).sin() * 4.6);
    let mut units: BulkSgd = (0..layers).map(elr).collect();
    let decay = |step| LearningRate::from_ln(-(step as f64) / steps as f64);
    let schedule: Vec<LearningRate> = (0..steps).map(decay).collect();

    let before = units.logs().spread();
    let began = Instant::now();
    units.run(&schedule);
    let seconds = began.elapsed().as_secs_f64();
    let after = units.logs().spread();

    let rate = layers as f64 * steps as f64 / seconds;
    println!("{layers} layers x {steps} steps: {seconds:.3} s, {rate:.2e} layer-steps/s");
    println!("range of ln E: {:.4} -> {:.4}", before.range, after.range);
    println!(
        "peak memory: {}",
        peak_memory().as_deref().unwrap_or("unknown here")
    );
    Ok(())
}

/// The largest amount of memory that this process has held so far, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
