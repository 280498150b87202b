//! Layer-steps a second of the bulk computation, and of what would limit it.
//!
//! `items` of the report are layer-steps, except for `divisions` and `products`: those only divide
//! and only multiply, in the same groups and with the same instructions, and count what they do.
//! Three steps of a schedule take one division and seven products, four at a constant rate too.

use divan::Bencher;
use divan::counter::ItemsCount;
use evenkeel::quantity::{Elr, LearningRate};
use evenkeel::recurrence::sgd;
use evenkeel_bulk::{BulkSgd, Extremes, LANES};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

const STEPS: usize = 1020;
const LAYERS: [usize; 4] = [50, 1024, 16_384, 1_000_000];
/// Layers and rates.
const GRIDS: [(usize, usize); 3] = [(5, 4000), (50, 400), (1000, 20)];

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

#[divan::bench(args = LAYERS, sample_count = 20)]
fn run_constant(bencher: Bencher<'_, '_>, layers: usize) {
    let (mut units, lr) = (BulkSgd::new(&elrs(layers)), LearningRate::from_ln(-0.5));
    bencher
        .counter(layer_steps(layers, STEPS))
        .bench_local(|| black_box(&mut units).run_constant(black_box(lr), STEPS));
}

/// A warm-up to λ = 1 that is over after a few of `steps`.
fn warm_up(
    bencher: Bencher<'_, '_>,
    layers: usize,
    steps: usize,
    ln_critical: impl Fn(Extremes) -> f64,
) {
    let start = BulkSgd::new(&elrs(layers));
    let mut units = start.clone();
    bencher.counter(layer_steps(layers, steps)).bench_local(|| {
        units.clone_from(black_box(&start));
        units.run_while_looking(steps, |_, extremes| {
            LearningRate::from_ln(ln_critical(extremes).min(0.0))
        });
        black_box(units.len())
    });
}

#[divan::bench(args = LAYERS, sample_count = 20)]
fn no_overshoot(bencher: Bencher<'_, '_>, layers: usize) {
    warm_up(bencher, layers, 50, |now| -now.fastest.ln());
}

#[divan::bench(args = LAYERS, sample_count = 20)]
fn top_pair(bencher: Bencher<'_, '_>, layers: usize) {
    warm_up(bencher, layers, 50, |now| {
        -0.5 * (now.fastest.ln() + now.second.ln())
    });
}

/// The five steps of `minimax` from four decades, with a look at all layers after each.
#[divan::bench(args = LAYERS, sample_count = 20)]
fn minimax(bencher: Bencher<'_, '_>, layers: usize) {
    warm_up(bencher, layers, 5, |now| {
        -0.5 * (now.fastest.ln() + now.slowest.ln())
    });
}

#[divan::bench(args = GRIDS, sample_count = 20)]
fn grid(bencher: Bencher<'_, '_>, (layers, rates): (usize, usize)) {
    let layers = elrs(layers);
    let lrs: Vec<LearningRate> = (0..rates)
        .map(|i| LearningRate::from_ln(i as f64 / rates as f64 * 10.0 - 8.0))
        .collect();
    bencher
        .counter(layer_steps(layers.len() * lrs.len(), STEPS))
        .bench_local(|| evenkeel_bulk::grid(black_box(&layers), black_box(&lrs), STEPS));
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

/// Passes a group at a time through `STEPS` operations with a number.
fn groups(bencher: Bencher<'_, '_>, operation: impl Fn(f64, f64) -> f64 + Copy) {
    let mut groups = [[1.5; LANES]; 32];
    let numbers = [1.01; STEPS];
    bencher
        .counter(layer_steps(LANES * groups.len(), STEPS))
        .bench_local(|| {
            let (groups, numbers) = black_box((&mut groups, &numbers));
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    for group in groups {
                        let mut local = *group;
                        for &number in numbers {
                            for y in &mut local {
                                *y = operation(*y, number);
                            }
                        }
                        *group = local;
                    }
                },
            );
        });
}

#[divan::bench(sample_count = 20)]
fn divisions(bencher: Bencher<'_, '_>) {
    groups(
        bencher,
        #[inline(always)]
        |y, number| number / y,
    );
}

#[divan::bench(sample_count = 20)]
fn products(bencher: Bencher<'_, '_>) {
    groups(
        bencher,
        #[inline(always)]
        |y, number| number * y,
    );
}
