//! What softmax and cross-entropy have in common.

use pulp::Simd;

use crate::exponential::exp;
use crate::lanes::{each, sum};

/// The largest of the numbers.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, numbers: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(numbers);
    let mut top = simd.splat_f32s(f32::NEG_INFINITY);
    for x in vectors {
        top = simd.max_f32s(top, *x);
    }
    rest.iter()
        .fold(simd.reduce_max_f32s(top), |top, x| top.max(*x))
}

/// `e^(factor (x − top))` for each of the numbers `x`, in its place, and the sum of all.
#[inline(always)]
pub(crate) fn exponentials<S: Simd>(simd: S, numbers: &mut [f32], factor: f32, top: f32) -> f32 {
    let (factor, top) = (simd.splat_f32s(factor), simd.splat_f32s(top));
    each!(simd, S, [] => [numbers] {
        [exp(simd, simd.mul_f32s(simd.sub_f32s(numbers, top), factor))]
    });
    sum!(simd, S, [numbers] => numbers)
}

/// All numbers times a factor.
#[inline(always)]
pub(crate) fn times<S: Simd>(simd: S, numbers: &mut [f32], factor: f32) {
    let factor = simd.splat_f32s(factor);
    each!(simd, S, [] => [numbers] [simd.mul_f32s(numbers, factor)]);
}
