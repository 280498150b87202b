//! Squared norms and inner products of two vectors, or of all slices of two tensors, in one pass.

use pulp::{Simd, WithSimd};

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
    if a.is_empty() {
        return vec![[0.0; 3]; count];
    }
    assert!(a.len().is_multiple_of(count * inner));
    if inner == 1 {
        let rows = a.chunks(ROWS * count).zip(b.chunks(ROWS * count));
        let parts = rows.map(|(a, b)| Part::of(Grain::Columns, count, a, b));
        return Part::total(&parts.collect::<Vec<_>>(), Grain::Columns, count);
    }
    let mut sums = vec![[0.0; 3]; count];
    for (index, (a, b)) in a.chunks_exact(inner).zip(b.chunks_exact(inner)).enumerate() {
        plus(&mut sums[index % count], products(a, b));
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

/// Rows that are summed in 32 bits before they are added to the others in 64.
const ROWS: usize = 64;

/// Of what [`products`] are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Of the whole matrix.
    Whole,
    /// Of each of its columns.
    Columns,
}

/// [`products`] of some rows of two matrices, to be added to those of the others.
#[derive(Debug, Clone)]
pub enum Part {
    /// Of all columns together.
    Whole([f64; 3]),
    /// `Σ a²` of all columns, their `Σ b²` and their `Σ a b`, in 32 bits: of few rows.
    Columns(Vec<f32>),
}

impl Part {
    /// Of rows of so many columns.
    ///
    /// # Panics
    /// When the matrices differ in length.
    pub fn of(grain: Grain, columns: usize, a: &[f32], b: &[f32]) -> Self {
        assert_eq!(a.len(), b.len());
        match grain {
            Grain::Whole => Self::Whole(products(a, b)),
            Grain::Columns => Self::Columns(dispatch(OfColumns { a, b, columns })),
        }
    }

    /// The sums of all parts of matrices of so many columns: one of the whole, or one a column.
    pub fn total(parts: &[Self], grain: Grain, columns: usize) -> Vec<[f64; 3]> {
        let columns = match grain {
            Grain::Whole => 1,
            Grain::Columns => columns,
        };
        dispatch(Total { parts, columns })
    }
}

struct Total<'a> {
    parts: &'a [Part],
    columns: usize,
}

/// Columns that are added up side by side.
const ABREAST: usize = 64;

impl WithSimd for Total<'_> {
    type Output = Vec<[f64; 3]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Vec<[f64; 3]> {
        let mut found = Vec::with_capacity(self.columns);
        for first in (0..self.columns).step_by(ABREAST) {
            // Each kind by itself, so that neighbouring columns lie in one vector.
            let mut totals = [[0.0; ABREAST]; 3];
            for part in self.parts {
                match part {
                    Part::Whole(all) => {
                        (totals.iter_mut().zip(all)).for_each(|(total, x)| total[0] += x)
                    }
                    Part::Columns(kinds) => {
                        let kinds = kinds.chunks_exact(self.columns);
                        for (total, columns) in totals.iter_mut().zip(kinds) {
                            (total.iter_mut().zip(&columns[first..]))
                                .for_each(|(total, x)| *total += f64::from(*x));
                        }
                    }
                }
            }
            let count = ABREAST.min(self.columns - first);
            found.extend((0..count).map(|i| totals.each_ref().map(|total| total[i])));
        }
        found
    }
}

fn plus(sums: &mut [f64; 3], more: [f64; 3]) {
    sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
}

struct OfColumns<'a> {
    a: &'a [f32],
    b: &'a [f32],
    columns: usize,
}

impl WithSimd for OfColumns<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { a, b, columns } = self;
        let mut sums = vec![0.0; 3 * columns];
        let mut first = 0;
        // Down all rows some columns at a time, whose sums stay in registers.
        while first + WIDE * S::F32_LANES <= columns {
            down::<S, WIDE>(simd, a, b, columns, first, &mut sums);
            first += WIDE * S::F32_LANES;
        }
        while first + S::F32_LANES <= columns {
            down::<S, 1>(simd, a, b, columns, first, &mut sums);
            first += S::F32_LANES;
        }
        let (aa, others) = sums.split_at_mut(columns);
        let (bb, ab) = others.split_at_mut(columns);
        for (a, b) in a.chunks(columns).zip(b.chunks(columns)) {
            for column in first..columns {
                let (a, b) = (a[column], b[column]);
                aa[column] += a * a;
                bb[column] += b * b;
                ab[column] += a * b;
            }
        }
        sums
    }
}

/// Vectors of columns side by side: no sum waits for the one before it.
const WIDE: usize = 4;

/// The sums of `W` vectors of columns from `first` on.
#[inline(always)]
fn down<S: Simd, const W: usize>(
    simd: S,
    a: &[f32],
    b: &[f32],
    columns: usize,
    first: usize,
    sums: &mut [f32],
) {
    let width = W * S::F32_LANES;
    let mut found = [[simd.splat_f32s(0.0); 3]; W];
    for (a, b) in a.chunks_exact(columns).zip(b.chunks_exact(columns)) {
        let (a, b) = (&a[first..first + width], &b[first..first + width]);
        let (a, b) = (S::as_simd_f32s(a).0, S::as_simd_f32s(b).0);
        for ((sums, a), b) in found.iter_mut().zip(a).zip(b) {
            sums[0] = simd.mul_add_e_f32s(*a, *a, sums[0]);
            sums[1] = simd.mul_add_e_f32s(*b, *b, sums[1]);
            sums[2] = simd.mul_add_e_f32s(*a, *b, sums[2]);
        }
    }
    for (kind, sums) in sums.chunks_exact_mut(columns).enumerate() {
        let places = S::as_mut_simd_f32s(&mut sums[first..first + width]).0;
        (places.iter_mut().zip(found)).for_each(|(place, found)| *place = found[kind]);
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
