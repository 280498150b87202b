//! Rows of numbers to and from arrays of vectors that stay in registers.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and vectors stay in registers"
)]

use pulp::Simd;

/// Loads up to `V` vectors of `numbers`, padded with zeros.
#[inline(always)]
pub(crate) fn load<S: Simd, const V: usize>(simd: S, numbers: &[f32]) -> [S::f32s; V] {
    if let Some(vectors) = S::as_simd_f32s(numbers).0.first_chunk()
        && numbers.len() == V * S::F32_LANES
    {
        return *vectors;
    }
    std::array::from_fn(|v| {
        let from = (v * S::F32_LANES).min(numbers.len());
        let to = (from + S::F32_LANES).min(numbers.len());
        simd.partial_load_f32s(&numbers[from..to])
    })
}

/// Stores as many numbers of `values` as `output` holds. Vectors are indexed one by one: taking a
/// slice of them would force the compiler to keep them in memory.
#[inline(always)]
pub(crate) fn store<S: Simd, const V: usize>(simd: S, output: &mut [f32], values: [S::f32s; V]) {
    if output.len() == V * S::F32_LANES {
        let vectors = S::as_mut_simd_f32s(output).0;
        #[allow(clippy::manual_memcpy, reason = "a copy would go through memory")]
        for v in 0..V {
            vectors[v] = values[v];
        }
        return;
    }
    for v in 0..V {
        let first = (v * S::F32_LANES).min(output.len());
        let end = (first + S::F32_LANES).min(output.len());
        simd.partial_store_f32s(&mut output[first..end], values[v]);
    }
}
