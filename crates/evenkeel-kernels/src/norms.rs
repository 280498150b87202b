//! Squared norms and inner products of two vectors, or of all slices of two tensors, in one pass.

use std::ops::{Deref, DerefMut, Range};

use pulp::{Simd, WithSimd};

use crate::memory::{LINE, Memory, Numbers};
use crate::vectors::dispatch;

/// Numbers that are summed in 32 bits before they are added to the others in 64.
const BLOCK: usize = 1024;

/// `[Σ a², Σ b², Σ a b]`.
///
/// # Panics
/// When the vectors differ in length.
pub fn products(a: &[f32], b: &[f32]) -> [f64; 3] {
    assert_eq!(a.len(), b.len());
    let mut total = [0.0; 3];
    dispatch(Products {
        a,
        b,
        total: &mut total,
    });
    total
}

/// [`products`] of each of `count` slices of tensors of `[…, count, inner]`.
///
/// # Panics
/// When the tensors differ in length, or cannot be cut like that.
pub fn products_of_slices(a: &[f32], b: &[f32], count: usize, inner: usize) -> Norms {
    assert_eq!(a.len(), b.len());
    let memory = Memory::default();
    if a.is_empty() {
        return Norms::zeros(&memory, count);
    }
    assert!(a.len().is_multiple_of(count * inner));
    if inner == 1 {
        let pieces = a.len().div_ceil(ROWS * count);
        let mut parts = Parts::new(&memory, Grain::Columns, count, pieces);
        let rows = a.chunks(ROWS * count).zip(b.chunks(ROWS * count));
        for (mut part, (a, b)) in parts.pieces().zip(rows) {
            part.grow(a, b, 0..a.len() / count, 0..count);
        }
        return parts.total(&memory);
    }
    let mut sums = Norms::zeros(&memory, count);
    for (index, (a, b)) in a.chunks_exact(inner).zip(b.chunks_exact(inner)).enumerate() {
        plus(&mut sums[index % count], &products(a, b));
    }
    sums
}

/// `[Σ a², Σ b², Σ a b]` of two matrices, or of each of their columns or slices.
#[derive(Debug)]
pub struct Norms {
    numbers: Numbers,
    count: usize,
}

impl Norms {
    /// So many, of nothing yet.
    pub fn zeros(memory: &Memory, count: usize) -> Self {
        let mut norms = Self::anything(memory, count);
        norms.fill([0.0; 3]);
        norms
    }

    /// Room for so many.
    fn anything(memory: &Memory, count: usize) -> Self {
        let numbers = memory.numbers(3 * count * DOUBLE);
        Self { numbers, count }
    }
}

impl Deref for Norms {
    type Target = [[f64; 3]];

    fn deref(&self) -> &[[f64; 3]] {
        let sums: &[f64] = bytemuck::cast_slice(self.numbers.lines());
        &sums.as_chunks().0[..self.count]
    }
}

impl DerefMut for Norms {
    fn deref_mut(&mut self) -> &mut [[f64; 3]] {
        let sums: &mut [f64] = bytemuck::cast_slice_mut(self.numbers.lines_mut());
        &mut sums.as_chunks_mut().0[..self.count]
    }
}

/// Numbers of 32 bits in the room of one of 64.
const DOUBLE: usize = 2;

struct Products<'a> {
    a: &'a [f32],
    b: &'a [f32],
    /// What they are added to.
    total: &'a mut [f64],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (a, b) in self.a.chunks(BLOCK).zip(self.b.chunks(BLOCK)) {
            let block = block(simd, a, b);
            plus(self.total, &block.map(f64::from));
        }
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

/// [`products`] of two matrices that come in pieces, some rows each, which may be summed side by side.
#[derive(Debug)]
pub struct Parts {
    grain: Grain,
    columns: usize,
    /// A run of whole lines for each piece.
    numbers: Numbers,
    /// How long.
    lines: usize,
}

impl Parts {
    /// Room for so many pieces of matrices of so many columns.
    pub fn new(memory: &Memory, grain: Grain, columns: usize, pieces: usize) -> Self {
        let of_piece = match grain {
            Grain::Whole => 3 * DOUBLE,
            Grain::Columns => 3 * columns,
        };
        let lines = of_piece.div_ceil(LINE).max(1);
        Self {
            grain,
            columns,
            numbers: memory.numbers(pieces * lines * LINE),
            lines,
        }
    }

    /// The pieces, to be filled: each grows from its first row on.
    pub fn pieces(&mut self) -> impl Iterator<Item = Part<'_>> {
        let (grain, columns) = (self.grain, self.columns);
        let pieces = self.numbers.lines_mut().chunks_exact_mut(self.lines);
        pieces.map(move |lines| Part {
            columns,
            sums: match grain {
                Grain::Whole => PartSums::Whole {
                    summed: 0,
                    total: &mut bytemuck::cast_slice_mut::<_, f64>(lines)[..3],
                },
                Grain::Columns => {
                    PartSums::Columns(&mut bytemuck::cast_slice_mut(lines)[..3 * columns])
                }
            },
        })
    }

    /// The sums of all pieces: one of the whole, or one a column.
    pub fn total(&self, memory: &Memory) -> Norms {
        let pieces = self.numbers.lines().chunks_exact(self.lines);
        match self.grain {
            Grain::Whole => {
                let mut total = Norms::zeros(memory, 1);
                pieces
                    .map(bytemuck::cast_slice)
                    .for_each(|own: &[f64]| plus(&mut total[0], own));
                total
            }
            Grain::Columns => {
                let mut total = Norms::anything(memory, self.columns);
                dispatch(Total {
                    pieces: pieces.map(bytemuck::cast_slice),
                    total: &mut total,
                });
                total
            }
        }
    }
}

/// [`products`] of a piece. They grow with it, and come to the same bits however it does.
#[derive(Debug)]
pub struct Part<'a> {
    columns: usize,
    sums: PartSums<'a>,
}

#[derive(Debug)]
enum PartSums<'a> {
    /// Of all columns together, with how many numbers are in.
    Whole { summed: usize, total: &'a mut [f64] },
    /// `Σ a²` of all columns, their `Σ b²` and their `Σ a b`, in 32 bits: of few rows.
    Columns(&'a mut [f32]),
}

impl Part<'_> {
    /// Takes in what is new of a piece: some columns of some rows. They come row by row of such blocks, and in a row
    /// from the first column to the last.
    ///
    /// # Panics
    /// When the pieces differ in length, or have no such rows or columns.
    #[inline]
    pub fn grow(&mut self, a: &[f32], b: &[f32], rows: Range<usize>, columns: Range<usize>) {
        assert_eq!(a.len(), b.len());
        let width = self.columns;
        match &mut self.sums {
            PartSums::Whole { summed, total } if columns.end == width => {
                if rows.start == 0 {
                    total.fill(0.0);
                }
                // Blocks are summed as if the piece had been there at once.
                let there = rows.end * width;
                let end = match there < a.len() {
                    true => there / BLOCK * BLOCK,
                    false => there,
                };
                let new = *summed..end;
                *summed = end;
                dispatch(Products {
                    a: &a[new.clone()],
                    b: &b[new],
                    total,
                });
            }
            PartSums::Whole { .. } => {}
            PartSums::Columns(sums) => {
                let new = rows.start * width..rows.end * width;
                let rows = Beside {
                    a: &a[new.clone()],
                    b: &b[new],
                    count: rows.len(),
                    width,
                    begun: rows.start > 0,
                };
                dispatch(OfColumns {
                    rows,
                    columns,
                    sums,
                });
            }
        }
    }
}

struct Total<'a, I> {
    /// As [`PartSums::Columns`] has them.
    pieces: I,
    total: &'a mut [[f64; 3]],
}

/// Columns that are added up side by side.
const ABREAST: usize = 64;

impl<'a, I: Iterator<Item = &'a [f32]> + Clone> WithSimd for Total<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let columns = self.total.len();
        for (index, found) in self.total.chunks_mut(ABREAST).enumerate() {
            // Each kind by itself, so that neighbouring columns lie in one vector.
            let mut totals = [[0.0; ABREAST]; 3];
            for piece in self.pieces.clone() {
                for (total, sums) in totals.iter_mut().zip(piece.chunks_exact(columns)) {
                    (total.iter_mut().zip(&sums[index * ABREAST..]))
                        .for_each(|(total, x)| *total += f64::from(*x));
                }
            }
            for (i, found) in found.iter_mut().enumerate() {
                *found = totals.each_ref().map(|total| total[i]);
            }
        }
    }
}

fn plus(sums: &mut [f64], more: &[f64]) {
    sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
}

struct OfColumns<'a> {
    rows: Beside<'a>,
    columns: Range<usize>,
    /// What they are added to.
    sums: &'a mut [f32],
}

impl WithSimd for OfColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Taken apart at once: as a whole it is copied by loads that wait for all of its fields to be written.
        let Self {
            rows,
            columns,
            sums,
        } = self;
        // Down all rows some columns at a time, whose sums stay in registers. The more there are, the less do they
        // wait for each other.
        let columns = rows.down::<S, 4>(simd, columns, sums);
        let columns = rows.down::<S, 2>(simd, columns, sums);
        let columns = rows.down::<S, 1>(simd, columns, sums);
        columns.for_each(|column| rows.one(column, sums));
    }
}

/// Rows of two matrices.
#[derive(Clone, Copy)]
struct Beside<'a> {
    a: &'a [f32],
    b: &'a [f32],
    count: usize,
    width: usize,
    /// Whether there are sums of rows above.
    begun: bool,
}

impl Beside<'_> {
    /// Takes columns, `W` vectors at a time, as long as there are so many; returns the others.
    #[inline(always)]
    fn down<S: Simd, const W: usize>(
        self,
        simd: S,
        mut columns: Range<usize>,
        sums: &mut [f32],
    ) -> Range<usize> {
        while W * S::F32_LANES <= columns.len() {
            self.strip::<S, W>(simd, columns.start, sums);
            columns.start += W * S::F32_LANES;
        }
        columns
    }

    #[inline(always)]
    fn strip<S: Simd, const W: usize>(self, simd: S, column: usize, sums: &mut [f32]) {
        // By multiplication: a division, to find out how many rows there are, takes as long as the sums of two.
        let of = |row: usize| {
            let start = row * self.width + column;
            start..start + W * S::F32_LANES
        };
        let mut found = [[simd.splat_f32s(0.0); 3]; W];
        if self.begun {
            for kind in 0..3 {
                let places = S::as_simd_f32s(&sums[of(kind)]).0;
                (found.iter_mut().zip(places)).for_each(|(found, place)| found[kind] = *place);
            }
        }
        for row in 0..self.count {
            let [a, b] = [self.a, self.b].map(|matrix| S::as_simd_f32s(&matrix[of(row)]).0);
            for ((sums, a), b) in found.iter_mut().zip(a).zip(b) {
                sums[0] = simd.mul_add_e_f32s(*a, *a, sums[0]);
                sums[1] = simd.mul_add_e_f32s(*b, *b, sums[1]);
                sums[2] = simd.mul_add_e_f32s(*a, *b, sums[2]);
            }
        }
        for kind in 0..3 {
            let places = S::as_mut_simd_f32s(&mut sums[of(kind)]).0;
            (places.iter_mut().zip(&found)).for_each(|(place, found)| *place = found[kind]);
        }
    }

    /// Takes one column.
    fn one(self, column: usize, sums: &mut [f32]) {
        let at = |row: usize| row * self.width + column;
        let mut found = match self.begun {
            true => std::array::from_fn(|kind| sums[at(kind)]),
            false => [0.0; 3],
        };
        for row in 0..self.count {
            let [a, b] = [self.a, self.b].map(|matrix| matrix[at(row)]);
            found[0] += a * a;
            found[1] += b * b;
            found[2] += a * b;
        }
        (0..3).for_each(|kind| sums[at(kind)] = found[kind]);
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
            assert_eq!(*sums, expected, "{outer} {count} {inner}");
        }
    }

    #[test]
    fn parts_come_to_the_same_however_they_grow() {
        for (rows, columns) in [(1, 1), (5, 3), (32, 256), (31, 100), (40, 77)] {
            let number = |i: usize, turn: usize| (i * turn % 1009) as f32 / 97.0 - 5.0;
            let a: Vec<f32> = (0..rows * columns).map(|i| number(i, 31)).collect();
            let b: Vec<f32> = (0..rows * columns).map(|i| number(i, 57)).collect();
            let grown = |grain: Grain, tall: usize, wide: usize| {
                let memory = Memory::default();
                let mut parts = Parts::new(&memory, grain, columns, 1);
                let mut part = parts.pieces().next().unwrap();
                for top in (0..rows).step_by(tall) {
                    for left in (0..columns).step_by(wide) {
                        let (bottom, right) = (rows.min(top + tall), columns.min(left + wide));
                        part.grow(&a, &b, top..bottom, left..right);
                    }
                }
                parts.total(&memory).to_vec()
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
