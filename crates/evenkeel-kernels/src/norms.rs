//! Squared norms and inner products of two vectors, or of all slices of two tensors, in one pass.

use pulp::{Simd, WithSimd};

use crate::lanes::{Columns, columns};
use crate::vectors::dispatch;

/// Numbers that are summed in 32 bits before they are added to the others in 64.
const BLOCK: usize = 1024;

/// `[Σ a², Σ b², Σ a b]`.
///
/// # Panics
/// When the vectors differ in length.
pub fn products(a: &[f32], b: &[f32]) -> [f64; 3] {
    assert_eq!(a.len(), b.len());
    dispatch(Products { a, b })
}

/// [`products`] of each of `count` slices of tensors of `[…, count, inner]`.
///
/// # Panics
/// When the tensors differ in length, or cannot be cut like that.
pub fn products_of_slices(a: &[f32], b: &[f32], count: usize, inner: usize) -> Vec<[f64; 3]> {
    assert_eq!(a.len(), b.len());
    let mut sums = vec![[0.0; 3]; count];
    if a.is_empty() {
        return sums;
    }
    assert!(a.len().is_multiple_of(count * inner));
    if inner == 1 {
        dispatch(OfColumns {
            a,
            b,
            sums: &mut sums,
        });
        return sums;
    }
    for (index, (a, b)) in a.chunks_exact(inner).zip(b.chunks_exact(inner)).enumerate() {
        let sum = &mut sums[index % count];
        let found = products(a, b);
        sum.iter_mut().zip(found).for_each(|(sum, x)| *sum += x);
    }
    sums
}

struct Products<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Products<'_> {
    type Output = [f64; 3];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 3] {
        let mut total = [0.0; 3];
        for (a, b) in self.a.chunks(BLOCK).zip(self.b.chunks(BLOCK)) {
            let block = block(simd, a, b);
            total
                .iter_mut()
                .zip(block)
                .for_each(|(total, x)| *total += f64::from(x));
        }
        total
    }
}

/// The sums of one block, four vectors at a time, so that no sum waits for the one before it.
#[inline(always)]
fn block<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> [f32; 3] {
    let (a, a_rest) = S::as_simd_f32s(a);
    let (b, b_rest) = S::as_simd_f32s(b);
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; 3]; 4];
    let add = |sums: &mut [S::f32s; 3], a: S::f32s, b: S::f32s| {
        sums[0] = simd.mul_add_e_f32s(a, a, sums[0]);
        sums[1] = simd.mul_add_e_f32s(b, b, sums[1]);
        sums[2] = simd.mul_add_e_f32s(a, b, sums[2]);
    };
    let (a_fours, a_few) = a.as_chunks::<4>();
    let (b_fours, b_few) = b.as_chunks::<4>();
    for (a, b) in a_fours.iter().zip(b_fours) {
        for turn in 0..4 {
            add(&mut sums[turn], a[turn], b[turn]);
        }
    }
    a_few
        .iter()
        .zip(b_few)
        .for_each(|(a, b)| add(&mut sums[0], *a, *b));
    let rest = (
        simd.partial_load_f32s(a_rest),
        simd.partial_load_f32s(b_rest),
    );
    add(&mut sums[1], rest.0, rest.1);
    std::array::from_fn(|kind| {
        let of = |turn: usize| sums[turn][kind];
        let pair = |x, y| simd.add_f32s(of(x), of(y));
        simd.reduce_sum_f32s(simd.add_f32s(pair(0, 1), pair(2, 3)))
    })
}

/// Of each column of matrices.
struct OfColumns<'a> {
    a: &'a [f32],
    b: &'a [f32],
    sums: &'a mut [[f64; 3]],
}

/// Rows that are summed in 32 bits before they are added to the others in 64.
const ROWS: usize = 64;

impl WithSimd for OfColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.sums.len();
        let mut found = [(); 3].map(|()| vec![0.0; width]);
        // Four vectors of a row at a time: memory is read in runs.
        let all: Vec<Columns> = columns(simd, width).collect();
        let (fours, few) = all.as_chunks::<4>();
        let blocks = self.a.chunks(ROWS * width).zip(self.b.chunks(ROWS * width));
        for block in blocks {
            for four in fours {
                of_columns(simd, block, width, *four, &mut found);
            }
            for one in few {
                of_columns(simd, block, width, [*one], &mut found);
            }
            for (column, sums) in self.sums.iter_mut().enumerate() {
                let found = found.each_ref().map(|found| f64::from(found[column]));
                sums.iter_mut().zip(found).for_each(|(sum, x)| *sum += x);
            }
        }
    }
}

/// The sums of `V` vectors of columns.
#[inline(always)]
fn of_columns<S: Simd, const V: usize>(
    simd: S,
    (a, b): (&[f32], &[f32]),
    width: usize,
    columns: [Columns; V],
    found: &mut [Vec<f32>; 3],
) {
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; 3]; V];
    for row in (0..a.len()).step_by(width) {
        for v in 0..V {
            let (a, b) = (columns[v].load(simd, a, row), columns[v].load(simd, b, row));
            sums[v][0] = simd.mul_add_e_f32s(a, a, sums[v][0]);
            sums[v][1] = simd.mul_add_e_f32s(b, b, sums[v][1]);
            sums[v][2] = simd.mul_add_e_f32s(a, b, sums[v][2]);
        }
    }
    for v in 0..V {
        for kind in 0..3 {
            columns[v].store(simd, &mut found[kind], 0, sums[v][kind]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_summed_by_themselves() {
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
            let sums = products_of_slices(&a, &b, count, inner);
            assert_eq!(sums, expected, "{outer} {count} {inner}");
        }
    }

    #[test]
    fn sums_are_those_of_every_number() {
        for length in [0, 1, 7, 16, 63, 64, 65, 1023, 1024, 1100, 5000] {
            let a: Vec<f32> = (0..length).map(|i| (i % 13) as f32 - 6.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 2.0).collect();
            let sum = |f: fn(f64, f64) -> f64| -> f64 {
                let pairs = a.iter().zip(&b);
                pairs.map(|(a, b)| f(f64::from(*a), f64::from(*b))).sum()
            };
            // Whole numbers this small are summed without rounding.
            let expected = [sum(|a, _| a * a), sum(|_, b| b * b), sum(|a, b| a * b)];
            assert_eq!(products(&a, &b), expected, "{length}");
        }
    }
}
