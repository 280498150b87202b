//! What softmax and cross-entropy have in common.

use pulp::Simd;

use crate::exponential::exp;
use crate::lanes::columns;

/// The largest of the numbers.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, numbers: &[f32]) -> f32 {
    let least = simd.splat_f32s(f32::NEG_INFINITY);
    let (vectors, rest) = S::as_simd_f32s(numbers);
    let top = vectors.iter().fold(least, |top, x| simd.max_f32s(top, *x));
    rest.iter()
        .fold(simd.reduce_max_f32s(top), |top, x| top.max(*x))
}

/// `e^(factor (x − top))` for each `x`, in its place, and the sum of all.
#[inline(always)]
pub(crate) fn exponentials<S: Simd>(simd: S, numbers: &mut [f32], factor: f32, top: f32) -> f32 {
    let (factor, top) = (simd.splat_f32s(factor), simd.splat_f32s(top));
    let mut sums = [simd.splat_f32s(0.0); 2];
    for (turn, block) in columns(simd, numbers.len()).enumerate() {
        let apart = simd.sub_f32s(block.load(simd, numbers, 0), top);
        let power = exp(simd, simd.mul_f32s(apart, factor));
        block.store(simd, numbers, 0, power);
        sums[turn % 2] = simd.add_f32s(sums[turn % 2], block.only(simd, power));
    }
    simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1]))
}
