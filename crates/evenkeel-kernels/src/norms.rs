//! Squared norms and inner products of two vectors, or of all slices of two tensors, in one pass.

use std::ops::Range;

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
    let total = [0.0; 3];
    dispatch(Products { a, b, total })
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
        let parts: Vec<Part> = rows.map(|(a, b)| Part::of_columns(count, a, b)).collect();
        return Part::total(parts.iter());
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
    /// What they are added to.
    total: [f64; 3],
}

impl WithSimd for Products<'_> {
    type Output = [f64; 3];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 3] {
        let mut total = self.total;
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

/// [`products`] of a piece of two matrices, some rows, to be added to those of the other pieces. They grow with
/// the piece, and come to the same bits however it does.
#[derive(Debug, Clone)]
pub struct Part {
    columns: usize,
    sums: PartSums,
}

#[derive(Debug, Clone)]
enum PartSums {
    /// Of all columns together, with how many numbers are in.
    Whole { summed: usize, total: [f64; 3] },
    /// `Σ a²` of all columns, their `Σ b²` and their `Σ a b`, in 32 bits: of few rows.
    Columns(Vec<f32>),
}

impl Part {
    /// Of a piece of matrices of so many columns, nothing yet.
    pub fn new(grain: Grain, columns: usize) -> Self {
        let sums = match grain {
            Grain::Whole => PartSums::Whole {
                summed: 0,
                total: [0.0; 3],
            },
            Grain::Columns => PartSums::Columns(vec![0.0; 3 * columns]),
        };
        Self { columns, sums }
    }

    /// Of all columns of a piece.
    fn of_columns(columns: usize, a: &[f32], b: &[f32]) -> Self {
        let mut part = Self::new(Grain::Columns, columns);
        part.grow(a, b, 0..a.len() / columns, 0..columns);
        part
    }

    /// Takes in what is new of a piece: some columns of some rows. They come row by row of such blocks, and in a row
    /// from the first column to the last.
    ///
    /// # Panics
    /// When the pieces differ in length, or have no such rows or columns.
    pub fn grow(&mut self, a: &[f32], b: &[f32], rows: Range<usize>, columns: Range<usize>) {
        assert_eq!(a.len(), b.len());
        let width = self.columns;
        match &mut self.sums {
            PartSums::Whole { summed, total } if columns.end == width => {
                // Blocks are summed as if the piece had been there at once.
                let there = rows.end * width;
                let end = match there < a.len() {
                    true => there / BLOCK * BLOCK,
                    false => there,
                };
                let new = *summed..end;
                *summed = end;
                let (a, b, total_before) = (&a[new.clone()], &b[new], *total);
                *total = dispatch(Products {
                    a,
                    b,
                    total: total_before,
                });
            }
            PartSums::Whole { .. } => {}
            PartSums::Columns(sums) => {
                let new = rows.start * width..rows.end * width;
                dispatch(OfColumns {
                    a: &a[new.clone()],
                    b: &b[new],
                    width,
                    columns,
                    sums,
                });
            }
        }
    }

    /// The sums of all parts of matrices: one of the whole, or one a column.
    pub fn total<'a>(parts: impl Iterator<Item = &'a Self> + Clone) -> Vec<[f64; 3]> {
        let Some(first) = parts.clone().next() else {
            return Vec::new();
        };
        if let PartSums::Columns(_) = first.sums {
            let columns = first.columns;
            return dispatch(Total { parts, columns });
        }
        let mut total = [0.0; 3];
        for part in parts {
            if let PartSums::Whole { total: own, .. } = part.sums {
                plus(&mut total, own);
            }
        }
        vec![total]
    }
}

struct Total<I> {
    parts: I,
    columns: usize,
}

/// Columns that are added up side by side.
const ABREAST: usize = 64;

impl<'a, I: Iterator<Item = &'a Part> + Clone> WithSimd for Total<I> {
    type Output = Vec<[f64; 3]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Vec<[f64; 3]> {
        let mut found = Vec::with_capacity(self.columns);
        for first in (0..self.columns).step_by(ABREAST) {
            // Each kind by itself, so that neighbouring columns lie in one vector.
            let mut totals = [[0.0; ABREAST]; 3];
            for part in self.parts.clone() {
                let PartSums::Columns(kinds) = &part.sums else {
                    continue;
                };
                for (total, columns) in totals.iter_mut().zip(kinds.chunks_exact(self.columns)) {
                    (total.iter_mut().zip(&columns[first..]))
                        .for_each(|(total, x)| *total += f64::from(*x));
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
    /// Of a row.
    width: usize,
    /// Which of its numbers.
    columns: Range<usize>,
    /// What they are added to.
    sums: &'a mut [f32],
}

impl WithSimd for OfColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Down all rows some columns at a time, whose sums stay in registers. The more there are, the less do they
        // wait for each other.
        self.down::<S, 4>(simd);
        self.down::<S, 2>(simd);
        self.down::<S, 1>(simd);
        let (aa, others) = self.sums.split_at_mut(self.width);
        let (bb, ab) = others.split_at_mut(self.width);
        for (a, b) in self.a.chunks(self.width).zip(self.b.chunks(self.width)) {
            for column in self.columns.clone() {
                let (a, b) = (a[column], b[column]);
                aa[column] += a * a;
                bb[column] += b * b;
                ab[column] += a * b;
            }
        }
    }
}

impl OfColumns<'_> {
    /// Takes the next columns, `W` vectors at a time, as long as there are so many.
    #[inline(always)]
    fn down<S: Simd, const W: usize>(&mut self, simd: S) {
        while W * S::F32_LANES <= self.columns.len() {
            self.strip::<S, W>(simd);
            self.columns.start += W * S::F32_LANES;
        }
    }

    #[inline(always)]
    fn strip<S: Simd, const W: usize>(&mut self, simd: S) {
        let own = self.columns.start..self.columns.start + W * S::F32_LANES;
        let mut found = [[simd.splat_f32s(0.0); 3]; W];
        for (kind, sums) in self.sums.chunks_exact(self.width).enumerate() {
            let places = S::as_simd_f32s(&sums[own.clone()]).0;
            (found.iter_mut().zip(places)).for_each(|(found, place)| found[kind] = *place);
        }
        for (a, b) in (self.a.chunks_exact(self.width)).zip(self.b.chunks_exact(self.width)) {
            let (a, b) = (
                S::as_simd_f32s(&a[own.clone()]).0,
                S::as_simd_f32s(&b[own.clone()]).0,
            );
            for ((sums, a), b) in found.iter_mut().zip(a).zip(b) {
                sums[0] = simd.mul_add_e_f32s(*a, *a, sums[0]);
                sums[1] = simd.mul_add_e_f32s(*b, *b, sums[1]);
                sums[2] = simd.mul_add_e_f32s(*a, *b, sums[2]);
            }
        }
        for (kind, sums) in self.sums.chunks_exact_mut(self.width).enumerate() {
            let places = S::as_mut_simd_f32s(&mut sums[own.clone()]).0;
            (places.iter_mut().zip(&found)).for_each(|(place, found)| *place = found[kind]);
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
    fn parts_come_to_the_same_however_they_grow() {
        for (rows, columns) in [(1, 1), (5, 3), (32, 256), (31, 100), (40, 77)] {
            let number = |i: usize, turn: usize| (i * turn % 1009) as f32 / 97.0 - 5.0;
            let a: Vec<f32> = (0..rows * columns).map(|i| number(i, 31)).collect();
            let b: Vec<f32> = (0..rows * columns).map(|i| number(i, 57)).collect();
            let grown = |grain: Grain, tall: usize, wide: usize| {
                let mut part = Part::new(grain, columns);
                for top in (0..rows).step_by(tall) {
                    for left in (0..columns).step_by(wide) {
                        let (bottom, right) = (rows.min(top + tall), columns.min(left + wide));
                        part.grow(&a, &b, top..bottom, left..right);
                    }
                }
                Part::total([&part].into_iter())
            };
            assert_eq!(grown(Grain::Whole, rows, columns), [products(&a, &b)]);
            for grain in [Grain::Whole, Grain::Columns] {
                let at_once = grown(grain, rows, columns);
                for (tall, wide) in [(1, columns), (12, 32), (7, 16), (rows, 5)] {
                    // In vectors and one by one columns are rounded otherwise.
                    if grain == Grain::Whole || wide.is_multiple_of(16) || wide == columns {
                        let found = grown(grain, tall, wide);
                        assert_eq!(found, at_once, "{rows} {columns} {grain:?} {tall} {wide}");
                    }
                }
            }
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
