//! Inner products of two matrices that are computed by several tasks.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::columns::{ColumnSums, RowPair};
use super::{BLOCK, Granularity, NUMBERS_PER_F64, Norms, Products, add};
use crate::simd::instruction_set::dispatch;
use crate::threads::{BufferPool, CACHE_LINE, PooledBuffer};

/// [`inner_products`](super::inner_products) of two matrices, one part for each task; a task owns
/// some rows.
#[derive(Debug)]
pub struct Parts {
    granularity: Granularity,
    columns: usize,
    /// The sums of all parts, each in cache lines of its own.
    sums: PooledBuffer,
    /// Cache lines of a part.
    lines: usize,
}

impl Parts {
    /// Parts for `tasks` tasks and matrices of `columns` columns.
    pub fn new(
        buffers: &BufferPool,
        granularity: Granularity,
        columns: usize,
        tasks: usize,
    ) -> Self {
        let length = match granularity {
            Granularity::Layer => 3 * NUMBERS_PER_F64,
            Granularity::Unit => 3 * columns,
        };
        let lines = length.div_ceil(CACHE_LINE).max(1);
        Self {
            granularity,
            columns,
            sums: buffers.take(tasks * lines * CACHE_LINE),
            lines,
        }
    }

    /// The parts, one for each task.
    pub fn parts(&mut self) -> impl Iterator<Item = Part<'_>> {
        let (granularity, columns) = (self.granularity, self.columns);
        let parts = self.sums.lines_mut().chunks_exact_mut(self.lines);
        parts.map(move |lines| Part {
            columns,
            sums: match granularity {
                Granularity::Layer => PartSums::Whole {
                    summed: 0,
                    total: &mut bytemuck::cast_slice_mut::<_, f64>(lines)[..3],
                },
                Granularity::Unit => {
                    PartSums::Columns(&mut bytemuck::cast_slice_mut(lines)[..3 * columns])
                }
            },
        })
    }

    /// The sum of all parts: one for the whole matrix, or one for each column.
    pub fn total(&self, buffers: &BufferPool) -> Norms {
        let parts = self.sums.lines().chunks_exact(self.lines);
        match self.granularity {
            Granularity::Layer => {
                let mut total = Norms::zeros(buffers, 1);
                parts
                    .map(bytemuck::cast_slice)
                    .for_each(|own: &[f64]| add(&mut total[0], own));
                total
            }
            Granularity::Unit => {
                let mut total = Norms::unfilled(buffers, self.columns);
                dispatch(Total {
                    parts: parts.map(bytemuck::cast_slice),
                    total: &mut total,
                });
                total
            }
        }
    }
}

/// The inner products of one task's rows. The bits do not depend on the blocks in which they are
/// added.
#[derive(Debug)]
pub struct Part<'a> {
    columns: usize,
    sums: PartSums<'a>,
}

#[derive(Debug)]
enum PartSums<'a> {
    /// Of all columns together, with the count of numbers summed so far.
    Whole { summed: usize, total: &'a mut [f64] },
    /// `⟨a, a⟩` of all columns, then `⟨b, b⟩`, then `⟨a, b⟩`. 32 bits suffice, because a task has
    /// few rows.
    Columns(&'a mut [f32]),
}

impl Part<'_> {
    /// Adds a block of the task's rows `a` and `b`. Blocks must come in row-major order.
    ///
    /// # Panics
    /// When `a` and `b` differ in length, or do not have these rows and columns.
    #[inline]
    pub fn add(&mut self, a: &[f32], b: &[f32], rows: Range<usize>, columns: Range<usize>) {
        assert_eq!(a.len(), b.len());
        let width = self.columns;
        match &mut self.sums {
            PartSums::Whole { summed, total } if columns.end == width => {
                if rows.start == 0 {
                    total.fill(0.0);
                }
                // Sum whole blocks only, as if all rows had been there at once.
                let complete = rows.end * width;
                let end = match complete < a.len() {
                    true => complete / BLOCK * BLOCK,
                    false => complete,
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
                let rows = RowPair {
                    a: &a[new.clone()],
                    b: &b[new],
                    count: rows.len(),
                    width,
                    continued: rows.start > 0,
                };
                dispatch(ColumnSums {
                    rows,
                    columns,
                    sums,
                });
            }
        }
    }
}

/// Adds the column sums of all parts in 64 bits.
struct Total<'a, I> {
    /// In the layout of [`PartSums::Columns`].
    parts: I,
    total: &'a mut [[f64; 3]],
}

/// Columns that are added together.
const STRIP: usize = 64;

impl<'a, I: Iterator<Item = &'a [f32]> + Clone> WithSimd for Total<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let columns = self.total.len();
        for (index, found) in self.total.chunks_mut(STRIP).enumerate() {
            // Each kind of sum by itself, so that adjacent columns share a vector.
            let mut totals = [[0.0; STRIP]; 3];
            for part in self.parts.clone() {
                for (total, sums) in totals.iter_mut().zip(part.chunks_exact(columns)) {
                    (total.iter_mut().zip(&sums[index * STRIP..]))
                        .for_each(|(total, x)| *total += f64::from(*x));
                }
            }
            for (i, found) in found.iter_mut().enumerate() {
                *found = totals.each_ref().map(|total| total[i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::norms::inner_products;

    #[test]
    fn sums_do_not_depend_on_the_order_of_blocks() {
        for (rows, columns) in [(1, 1), (5, 3), (32, 256), (31, 100), (40, 77)] {
            let number = |i: usize, factor: usize| (i * factor % 1009) as f32 / 97.0 - 5.0;
            let a: Vec<f32> = (0..rows * columns).map(|i| number(i, 31)).collect();
            let b: Vec<f32> = (0..rows * columns).map(|i| number(i, 57)).collect();
            let grown = |granularity: Granularity, tall: usize, wide: usize| {
                let buffers = BufferPool::default();
                let mut parts = Parts::new(&buffers, granularity, columns, 1);
                let mut part = parts.parts().next().unwrap();
                for top in (0..rows).step_by(tall) {
                    for left in (0..columns).step_by(wide) {
                        let (bottom, right) = (rows.min(top + tall), columns.min(left + wide));
                        part.add(&a, &b, top..bottom, left..right);
                    }
                }
                parts.total(&buffers).to_vec()
            };
            assert_eq!(
                grown(Granularity::Layer, rows, columns),
                [inner_products(&a, &b)]
            );
            for granularity in [Granularity::Layer, Granularity::Unit] {
                let at_once = grown(granularity, rows, columns);
                for (tall, wide) in [(1, columns), (12, 32), (7, 16), (rows, 5)] {
                    // A column rounds differently within a vector and by itself.
                    if granularity == Granularity::Layer
                        || wide.is_multiple_of(16)
                        || wide == columns
                    {
                        let found = grown(granularity, tall, wide);
                        assert_eq!(
                            found, at_once,
                            "{rows} {columns} {granularity:?} {tall} {wide}"
                        );
                    }
                }
            }
        }
    }
}
