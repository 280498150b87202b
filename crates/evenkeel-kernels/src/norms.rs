//! Squared norms and inner products of two tensors, or of all their slices, in one pass.

mod accumulator;
mod columns;

use std::ops::{Deref, DerefMut};

use pulp::{Simd, WithSimd};

use crate::simd::instruction_set::dispatch;
use crate::threads::{BufferPool, PooledBuffer};

pub use accumulator::{Part, Parts};

/// Rows that are summed in 32 bits before the result is added to a sum in 64 bits.
const ROWS: usize = 64;

/// Numbers that are summed in 32 bits before the result is added to a sum in 64 bits.
const BLOCK: usize = 1024;

/// `[⟨a, a⟩, ⟨b, b⟩, ⟨a, b⟩]`.
///
/// # Panics
/// When the vectors differ in length.
pub fn inner_products(a: &[f32], b: &[f32]) -> [f64; 3] {
    assert_eq!(a.len(), b.len());
    let mut total = [0.0; 3];
    dispatch(Products {
        a,
        b,
        total: &mut total,
    });
    total
}

/// [`inner_products`] of each of the `count` slices along an axis of tensors of shape `[…, count,
/// inner]`.
///
/// # Panics
/// When the tensors differ in length, or do not have this shape.
pub fn inner_products_of_slices(a: &[f32], b: &[f32], count: usize, inner: usize) -> Norms {
    assert_eq!(a.len(), b.len());
    let buffers = BufferPool::default();
    if a.is_empty() {
        return Norms::zeros(&buffers, count);
    }
    assert!(a.len().is_multiple_of(count * inner));
    if inner == 1 {
        let tasks = a.len().div_ceil(ROWS * count);
        let mut parts = Parts::new(&buffers, Granularity::Unit, count, tasks);
        let rows = a.chunks(ROWS * count).zip(b.chunks(ROWS * count));
        for (mut part, (a, b)) in parts.parts().zip(rows) {
            part.add(a, b, 0..a.len() / count, 0..count);
        }
        return parts.total(&buffers);
    }
    let mut sums = Norms::zeros(&buffers, count);
    for (index, (a, b)) in a.chunks_exact(inner).zip(b.chunks_exact(inner)).enumerate() {
        add(&mut sums[index % count], &inner_products(a, b));
    }
    sums
}

/// [`inner_products`] of two tensors, or of each of their slices.
#[derive(Debug)]
pub struct Norms {
    /// Three numbers of 64 bits for each slice.
    sums: PooledBuffer,
    count: usize,
}

impl Norms {
    /// Zeros for `count` slices.
    pub fn zeros(buffers: &BufferPool, count: usize) -> Self {
        let mut norms = Self::unfilled(buffers, count);
        norms.fill([0.0; 3]);
        norms
    }

    /// Arbitrary numbers for `count` slices.
    fn unfilled(buffers: &BufferPool, count: usize) -> Self {
        let sums = buffers.take(3 * count * NUMBERS_PER_F64);
        Self { sums, count }
    }
}

impl Deref for Norms {
    type Target = [[f64; 3]];

    fn deref(&self) -> &[[f64; 3]] {
        let sums: &[f64] = bytemuck::cast_slice(self.sums.lines());
        &sums.as_chunks().0[..self.count]
    }
}

impl DerefMut for Norms {
    fn deref_mut(&mut self) -> &mut [[f64; 3]] {
        let sums: &mut [f64] = bytemuck::cast_slice_mut(self.sums.lines_mut());
        &mut sums.as_chunks_mut().0[..self.count]
    }
}

/// 32-bit numbers in the memory of one 64-bit number.
const NUMBERS_PER_F64: usize = 2;

/// What norms are taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// Each layer: its whole weight.
    Layer,
    /// Each unit of a layer: each column of a weight `[inputs, outputs]`.
    Unit,
}

/// Adds `more` to `sums` element by element.
fn add(sums: &mut [f64], more: &[f64]) {
    sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
}

/// Adds the inner products of two slices to `total`.
struct Products<'a> {
    a: &'a [f32],
    b: &'a [f32],
    total: &'a mut [f64],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (a, b) in self.a.chunks(BLOCK).zip(self.b.chunks(BLOCK)) {
            let block = block(simd, a, b);
            add(self.total, &block.map(f64::from));
        }
    }
}

/// The inner products of one block, with four independent accumulators.
#[inline(always)]
fn block<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> [f32; 3] {
    let (a, a_rest) = S::as_simd_f32s(a);
    let (b, b_rest) = S::as_simd_f32s(b);
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; 3]; 4];
    let accumulate = |sums: &mut [S::f32s; 3], a: S::f32s, b: S::f32s| {
        sums[0] = simd.mul_add_e_f32s(a, a, sums[0]);
        sums[1] = simd.mul_add_e_f32s(b, b, sums[1]);
        sums[2] = simd.mul_add_e_f32s(a, b, sums[2]);
    };
    let (a_fours, a_few) = a.as_chunks::<4>();
    let (b_fours, b_few) = b.as_chunks::<4>();
    for (a, b) in a_fours.iter().zip(b_fours) {
        for i in 0..4 {
            accumulate(&mut sums[i], a[i], b[i]);
        }
    }
    a_few
        .iter()
        .zip(b_few)
        .for_each(|(a, b)| accumulate(&mut sums[0], *a, *b));
    let rest = (
        simd.partial_load_f32s(a_rest),
        simd.partial_load_f32s(b_rest),
    );
    accumulate(&mut sums[1], rest.0, rest.1);
    std::array::from_fn(|kind| {
        let of = |i: usize| sums[i][kind];
        let pair = |x, y| simd.add_f32s(of(x), of(y));
        simd.reduce_sum_f32s(simd.add_f32s(pair(0, 1), pair(2, 3)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_summed_separately() {
        for (outer, count, inner) in [
            (0, 3, 2),
            (1, 1, 1),
            (1, 5, 9),
            (7, 4, 3),
            (130, 37, 1),
            (64, 16, 1),
        ] {
            let length = outer * count * inner;
            let a: Vec<f32> = (0..length).map(|i| (i % 13) as f32 - 6.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 2.0).collect();
            let mut expected = vec![[0.0; 3]; count];
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                let (a, b) = (f64::from(*a), f64::from(*b));
                let sums = &mut expected[i / inner % count];
                let own = [a * a, b * b, a * b];
                sums.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
            }
            let sums = inner_products_of_slices(&a, &b, count, inner);
            assert_eq!(*sums, expected, "{outer} {count} {inner}");
        }
    }

    #[test]
    fn sums_are_exact_for_small_integers() {
        for length in [0, 1, 7, 16, 63, 64, 65, 1023, 1024, 1100, 5000] {
            let a: Vec<f32> = (0..length).map(|i| (i % 13) as f32 - 6.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 2.0).collect();
            let sum = |f: fn(f64, f64) -> f64| -> f64 {
                let pairs = a.iter().zip(&b);
                pairs.map(|(a, b)| f(f64::from(*a), f64::from(*b))).sum()
            };
            let expected = [sum(|a, _| a * a), sum(|_, b| b * b), sum(|a, b| a * b)];
            assert_eq!(inner_products(&a, &b), expected, "{length}");
        }
    }
}
