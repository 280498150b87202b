//! The most arithmetic that the cores do: fused multiplications and additions on registers alone.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Independent vectors in flight: enough to hide the latency of four cycles on two units, few enough
/// for the sixteen registers of AVX2.
const VECTORS: usize = 12;
const LANES: usize = 8;
const ROUNDS: usize = 20_000_000;
const TRIALS: usize = 3;

/// Operations a second of so many threads at once, the best of some trials; a fused multiplication
/// and addition counts as two.
///
/// Vectors are those of AVX2, or narrower where there are none. A processor that does more with
/// AVX-512 has a higher peak than this.
pub fn flops_per_second(threads: usize) -> f64 {
    (0..TRIALS).map(|_| trial(threads)).fold(0.0, f64::max)
}

fn trial(threads: usize) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| pulp::Arch::new().dispatch(work));
        }
    });
    (threads * ROUNDS * VECTORS * LANES * 2) as f64 / start.elapsed().as_secs_f64()
}

#[inline(always)]
fn work() {
    let (factor, term) = (black_box([0.999_f32; LANES]), black_box([1e-3_f32; LANES]));
    let mut sums = black_box([[1.0_f32; LANES]; VECTORS]);
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            for lane in 0..LANES {
                sum[lane] = sum[lane].mul_add(factor[lane], term[lane]);
            }
        }
    }
    black_box(sums);
}
