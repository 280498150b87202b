//! The most arithmetic that the cores do: fused multiplications and additions on registers alone.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};

/// Independent vectors in flight: enough to hide the latency of four cycles on two units, few enough
/// for the sixteen registers of AVX2.
const VECTORS: usize = 12;
const ROUNDS: usize = 20_000_000;
const TRIALS: usize = 3;

/// Operations a second of so many threads at once, the best of some trials; a fused multiplication
/// and addition counts as two. Vectors are the widest that the processor has, as in the kernels.
pub fn flops_per_second(threads: usize) -> f64 {
    (0..TRIALS).map(|_| trial(threads)).fold(0.0, f64::max)
}

fn trial(threads: usize) -> f64 {
    let start = Instant::now();
    let operations: usize = thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| Arch::new().dispatch(Work)))
            .collect();
        all.into_iter().filter_map(|one| one.join().ok()).sum()
    });
    operations as f64 / start.elapsed().as_secs_f64()
}

/// Returns how many operations it did.
struct Work;

impl WithSimd for Work {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (factor, term) = (
            simd.splat_f32s(black_box(0.999)),
            simd.splat_f32s(black_box(1e-3)),
        );
        let mut sums = [simd.splat_f32s(black_box(1.0)); VECTORS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, term);
            }
        }
        black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
        ROUNDS * VECTORS * S::F32_LANES * 2
    }
}
