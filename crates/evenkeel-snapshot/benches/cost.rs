//! What large inputs cost: time, and under `max alloc` the memory beside the input.
//!
//! `cargo bench -p evenkeel-snapshot`. A minute or two, and 4 GB of memory.

use divan::{AllocProfiler, Bencher};
use evenkeel_snapshot::Snapshot;

#[path = "../tests/common/large.rs"]
mod large;

use large::{HUGE, LAYERS, Large};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = cases(&LAYERS), sample_count = 5, sample_size = 1)]
fn a_million_layers(bencher: Bencher, case: Case) {
    case.bench(bencher, 1_000_000);
}

#[divan::bench(args = cases(&HUGE), sample_count = 1, sample_size = 1)]
fn a_billion_bytes(bencher: Bencher, case: Case) {
    case.bench(bencher, 1_000_000_000);
}

#[derive(Clone, Copy)]
struct Case(&'static Large);

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.0)
    }
}

impl Case {
    fn bench(self, bencher: Bencher, size: usize) {
        let text = (self.0.1)(size);
        bencher.bench_local(|| Snapshot::parse("norms", text.as_bytes()));
    }
}

fn cases(all: &'static [Large]) -> impl Iterator<Item = Case> {
    all.iter().map(Case)
}
