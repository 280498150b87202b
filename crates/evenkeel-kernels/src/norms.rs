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
        let pieces = a.chunks(ROWS * count).zip(b.chunks(ROWS * count));
        let of_piece = |(a, b): (&[f32], &[f32])| {
            let mut columns = Running::new(Grain::Columns, count);
            columns.add(a, b);
            columns
        };
        let pieces: Vec<Running> = pieces.map(of_piece).collect();
        return Running::total(&pieces, Grain::Columns, count);
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

/// [`products`] of two matrices that become known some rows at a time.
#[derive(Debug, Clone)]
pub enum Running {
    /// Of the whole.
    Whole([f64; 3]),
    /// `Σ a²` of all columns, their `Σ b²` and their `Σ a b`, in 32 bits: for few rows.
    Columns(Vec<f32>),
}

impl Running {
    /// Of matrices of so many columns, of which nothing is known yet.
    pub fn new(grain: Grain, columns: usize) -> Self {
        match grain {
            Grain::Whole => Self::Whole([0.0; 3]),
            Grain::Columns => Self::Columns(vec![0.0; 3 * columns]),
        }
    }

    /// Rows more.
    ///
    /// # Panics
    /// When the matrices differ in length.
    pub fn add(&mut self, a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        match self {
            Self::Whole(sums) => plus(sums, products(a, b)),
            Self::Columns(sums) => dispatch(AddColumns { a, b, sums }),
        }
    }

    /// The sums of all pieces of matrices of so many columns: one of the whole, or one a column.
    pub fn total(pieces: &[Self], grain: Grain, columns: usize) -> Vec<[f64; 3]> {
        let columns = match grain {
            Grain::Whole => 1,
            Grain::Columns => columns,
        };
        dispatch(Total { pieces, columns })
    }
}

struct Total<'a> {
    pieces: &'a [Running],
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
            for piece in self.pieces {
                match piece {
                    Running::Whole(all) => {
                        (totals.iter_mut().zip(all)).for_each(|(total, x)| total[0] += x)
                    }
                    Running::Columns(kinds) => {
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

struct AddColumns<'a> {
    a: &'a [f32],
    b: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for AddColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.sums.len() / 3;
        // Sums are fetched and put back once for some rows.
        for (a, b) in self.a.chunks(RUN * width).zip(self.b.chunks(RUN * width)) {
            match a.len() == RUN * width {
                true => add_rows::<S, RUN>(simd, a, b, self.sums),
                false => (a.chunks(width).zip(b.chunks(width)))
                    .for_each(|(a, b)| add_rows::<S, 1>(simd, a, b, self.sums)),
            }
        }
    }
}

/// Rows that are added to the sums at once.
const RUN: usize = 4;

/// The same of `R` rows.
#[inline(always)]
fn add_rows<S: Simd, const R: usize>(simd: S, a: &[f32], b: &[f32], sums: &mut [f32]) {
    let width = sums.len() / 3;
    let (aa, others) = sums.split_at_mut(width);
    let (bb, ab) = others.split_at_mut(width);
    let whole = width / S::F32_LANES * S::F32_LANES;
    let mut vectors = [(S::as_simd_f32s(a).0, S::as_simd_f32s(b).0); R];
    for (row, vectors) in vectors.iter_mut().enumerate() {
        let row = row * width..row * width + whole;
        *vectors = (
            S::as_simd_f32s(&a[row.clone()]).0,
            S::as_simd_f32s(&b[row]).0,
        );
    }
    let sums = (S::as_mut_simd_f32s(aa).0.iter_mut())
        .zip(S::as_mut_simd_f32s(bb).0)
        .zip(S::as_mut_simd_f32s(ab).0);
    for (i, ((aa, bb), ab)) in sums.enumerate() {
        let (mut x, mut y, mut z) = (*aa, *bb, *ab);
        for (a, b) in &vectors {
            let (a, b) = (a[i], b[i]);
            x = simd.mul_add_e_f32s(a, a, x);
            y = simd.mul_add_e_f32s(b, b, y);
            z = simd.mul_add_e_f32s(a, b, z);
        }
        (*aa, *bb, *ab) = (x, y, z);
    }
    for (a, b) in a.chunks(width).zip(b.chunks(width)) {
        for column in whole..width {
            let (a, b) = (a[column], b[column]);
            aa[column] += a * a;
            bb[column] += b * b;
            ab[column] += a * b;
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
