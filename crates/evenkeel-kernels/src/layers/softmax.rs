//! The steps of a numerically stable softmax over one row.

use pulp::Simd;

use crate::simd::columns::{map_columns, sum_columns};
use crate::simd::exponential::exp;

/// The largest number.
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

/// Replaces each number `x` by `e^(factor (x − top))` and returns the sum.
#[inline(always)]
pub(crate) fn exponentials<S: Simd>(simd: S, numbers: &mut [f32], factor: f32, top: f32) -> f32 {
    let (factor, top) = (simd.splat_f32s(factor), simd.splat_f32s(top));
    map_columns!(simd, S, [] => [numbers] {
        [exp(simd, simd.mul_f32s(simd.sub_f32s(numbers, top), factor))]
    });
    sum_columns!(simd, S, [numbers] => numbers)
}

/// Multiplies all numbers by a factor.
#[inline(always)]
pub(crate) fn scale_by<S: Simd>(simd: S, numbers: &mut [f32], factor: f32) {
    let factor = simd.splat_f32s(factor);
    map_columns!(simd, S, [] => [numbers] [simd.mul_f32s(numbers, factor)]);
}
