//! Inner products of each column of two matrices, over a few rows.

use std::ops::Range;

use pulp::{Simd, WithSimd};

/// Adds the inner products of `columns` to `sums`.
pub(super) struct ColumnSums<'a> {
    pub(super) rows: RowPair<'a>,
    pub(super) columns: Range<usize>,
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Destructured first: a copy of the whole struct would wait until all of its fields are
        // written.
        let Self {
            rows,
            columns,
            sums,
        } = self;
        // Strips of columns, whose sums stay in registers. Wide strips have more independent sums.
        let columns = rows.down::<S, 4>(simd, columns, sums);
        let columns = rows.down::<S, 2>(simd, columns, sums);
        let columns = rows.down::<S, 1>(simd, columns, sums);
        columns.for_each(|column| rows.single(column, sums));
    }
}

/// The same rows of two matrices.
#[derive(Clone, Copy)]
pub(super) struct RowPair<'a> {
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) count: usize,
    pub(super) width: usize,
    /// Whether earlier rows have been summed already.
    pub(super) continued: bool,
}

impl RowPair<'_> {
    /// Sums strips of `W` vectors of columns while there are enough; returns the remaining columns.
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

    /// Sums `W` vectors of columns.
    #[inline(always)]
    fn strip<S: Simd, const W: usize>(self, simd: S, column: usize, sums: &mut [f32]) {
        let of = |row: usize| {
            let start = row * self.width + column;
            start..start + W * S::F32_LANES
        };
        let mut found = [[simd.splat_f32s(0.0); 3]; W];
        if self.continued {
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

    /// Sums one column.
    fn single(self, column: usize, sums: &mut [f32]) {
        let at = |row: usize| row * self.width + column;
        let mut found = match self.continued {
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
