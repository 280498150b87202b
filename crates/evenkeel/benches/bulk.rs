//! Layer-steps a second of the bulk computation, and of what would limit it.
//!
//! `items` of the report are layer-steps. `division_only` does nothing but divide, in the same
//! groups and blocks: no loop with one division a layer-step is faster. `one_division` is such a
//! loop, and `recurrence` the plain one.

use divan::Bencher;
use divan::counter::ItemsCount;
use evenkeel::bulk::{self, BulkSgd, LANES};
use evenkeel::quantity::{Elr, LearningRate};
use evenkeel::recurrence::sgd;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

const STEPS: usize = 1020;
const LAYERS: [usize; 4] = [50, 1024, 16_384, 1_000_000];

fn main() {
    divan::main();
}

/// ELRs over four decades, in no order.
fn elrs(layers: usize) -> Vec<Elr> {
    (0..layers)
        .map(|layer| Elr::from_ln((layer as f64 * 1.7).sin() * 4.6))
        .collect()
}

/// A decaying schedule.
fn schedule() -> Vec<LearningRate> {
    (0..STEPS)
        .map(|step| LearningRate::from_ln(-(step as f64) / STEPS as f64))
        .collect()
}

fn layer_steps(layers: usize, steps: usize) -> ItemsCount {
    ItemsCount::new(layers * steps)
}

#[divan::bench(args = LAYERS, sample_count = 20)]
fn run(bencher: Bencher<'_, '_>, layers: usize) {
    let (mut units, lrs) = (BulkSgd::new(&elrs(layers)), schedule());
    bencher
        .counter(layer_steps(layers, STEPS))
        .bench_local(|| black_box(&mut units).run(black_box(&lrs)));
}

#[divan::bench(sample_count = 20)]
fn run_while_looking(bencher: Bencher<'_, '_>) {
    let (layers, steps) = (16_384, 50);
    let start = BulkSgd::new(&elrs(layers));
    let mut units = start.clone();
    bencher.counter(layer_steps(layers, steps)).bench_local(|| {
        units.clone_from(black_box(&start));
        units.run_while_looking(steps, |_, extremes| {
            LearningRate::from_ln(-extremes.fastest.ln())
        });
        black_box(units.len())
    });
}

#[divan::bench(sample_count = 10)]
fn grid_of_100_rates(bencher: Bencher<'_, '_>) {
    let (layers, rates) = (elrs(200), 100);
    let lrs: Vec<LearningRate> = (0..rates)
        .map(|i| LearningRate::from_ln(f64::from(i) * 0.1 - 8.0))
        .collect();
    bencher
        .counter(layer_steps(layers.len() * lrs.len(), STEPS))
        .bench_local(|| bulk::grid(black_box(&layers), black_box(&lrs), STEPS));
}

#[divan::bench(sample_count = 20)]
fn recurrence(bencher: Bencher<'_, '_>) {
    let (start, lrs) = (elrs(1024), schedule());
    let mut now = start.clone();
    bencher
        .counter(layer_steps(now.len(), STEPS))
        .bench_local(|| {
            now.copy_from_slice(black_box(&start));
            for &lr in &lrs {
                for elr in &mut now {
                    *elr = sgd::elr(*elr, lr);
                }
            }
            black_box(now[0])
        });
}

/// Passes a group at a time through `STEPS` steps of `step(y, λ²)`.
fn groups(bencher: Bencher<'_, '_>, step: impl Fn(f64, f64) -> f64) {
    let mut groups = [[1.5; LANES]; 32];
    let squares = [0.01; STEPS];
    bencher
        .counter(layer_steps(LANES * groups.len(), STEPS))
        .bench_local(|| {
            for group in black_box(&mut groups) {
                let mut local = *group;
                for &square in black_box(&squares) {
                    for y in &mut local {
                        *y = step(*y, square);
                    }
                }
                *group = local;
            }
        });
}

#[divan::bench(sample_count = 20)]
fn division_only(bencher: Bencher<'_, '_>) {
    groups(bencher, |y, square| square / y);
}

#[divan::bench(sample_count = 20)]
fn one_division(bencher: Bencher<'_, '_>) {
    groups(bencher, |y, square| y + square / y);
}
