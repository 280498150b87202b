//! Gathered rows, transposed, times errors: the gradient of the matrix of a
//! [`Product`](super::product::Product).

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(unsafe_code, reason = "a bounds check would take longer than the sums")]

use pulp::{Simd, WithSimd};

use super::panels::split;
use super::product::panel_width;
use super::strided_rows::{Segment, StridedRows, end_offset};
use crate::simd::instruction_set::dispatch;
use crate::simd::prefetch::prefetch_at;
use crate::simd::registers::{load, store};

/// `sums[k, n] += Σ_r input(r)[k] · errors[r, n]`, where `input(r)` concatenates the `segments` of
/// the input relative to position `r`.
pub struct Correlation<'a> {
    /// The input.
    pub input: &'a [f32],
    /// The position of each gathered row.
    pub from: StridedRows,
    /// The numbers of a row, relative to its position.
    pub segments: &'a [Segment],
    /// The errors.
    pub errors: &'a [f32],
    /// The position of each row of the errors.
    pub at: StridedRows,
    /// The number of rows.
    pub rows: usize,
    /// The number of columns of errors and sums.
    pub columns: usize,
    /// The sums: one row for each number of the segments.
    pub sums: &'a mut [f32],
}

/// Numbers over which prefetches may reach ahead: a few pages of memory.
const PREFETCH_REACH: usize = 8 * 1024;

impl Correlation<'_> {
    /// Adds the product to the sums.
    ///
    /// # Panics
    /// When the input, the errors or the sums have the wrong size for the rows and segments.
    pub fn accumulate(self) {
        let depth: usize = self.segments.iter().map(|segment| segment.length).sum();
        assert_eq!(self.sums.len(), depth * self.columns);
        assert!(
            end_offset(&self.from, self.rows, self.segments) <= self.input.len(),
            "the input ends before the last segment"
        );
        let row = Segment {
            offset: 0,
            length: self.columns,
        };
        assert!(
            end_offset(&self.at, self.rows, &[row]) <= self.errors.len(),
            "the errors end before the last row"
        );
        dispatch(self);
    }

    /// Computes one panel of columns, `K` rows of sums at a time and the last rows of a segment in
    /// smaller tiles.
    #[inline(always)]
    fn panel<S: Simd, const K: usize, const V: usize>(
        &mut self,
        simd: S,
        column: usize,
        width: usize,
    ) {
        let mut row = 0;
        for segment in self.segments {
            let mut first = 0;
            while first < segment.length {
                let place = Place {
                    row: row + first,
                    offset: segment.offset + first,
                    column,
                    width,
                };
                first += match segment.length - first {
                    rest if rest >= K => self.rows::<S, K, V>(simd, place),
                    rest if rest >= 16 && K > 16 => self.rows::<S, 16, V>(simd, place),
                    rest if rest >= 8 && K > 8 => self.rows::<S, 8, V>(simd, place),
                    rest if rest >= 4 && K > 4 => self.rows::<S, 4, V>(simd, place),
                    rest if rest >= 2 && K > 2 => self.rows::<S, 2, V>(simd, place),
                    _ => self.rows::<S, 1, V>(simd, place),
                };
            }
            row += segment.length;
        }
    }

    /// Computes a tile; returns its number of rows, `K`.
    #[inline(always)]
    fn rows<S: Simd, const K: usize, const V: usize>(&mut self, simd: S, place: Place) -> usize {
        let of = self;
        match place.width == V * S::F32_LANES {
            true => simd.vectorize(Tile::<K, V, true> { of, place }),
            false => simd.vectorize(Tile::<K, V, false> { of, place }),
        }
        K
    }
}

/// Computes `K` rows of sums and `V` vectors of columns; `WHOLE` if all these columns exist. A
/// function of its own because the compiler keeps sums in registers only in functions of this size.
struct Tile<'a, 'b, const K: usize, const V: usize, const WHOLE: bool> {
    of: &'a mut Correlation<'b>,
    place: Place,
}

impl<const K: usize, const V: usize, const WHOLE: bool> WithSimd for Tile<'_, '_, K, V, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, place } = self;
        let sums = of.tile::<S, K, V, WHOLE>(simd, place);
        for k in 0..K {
            let start = (place.row + k) * of.columns + place.column;
            add(simd, &mut of.sums[start..][..place.width], sums[k]);
        }
    }
}

impl Correlation<'_> {
    /// The sums of a tile.
    #[inline(always)]
    fn tile<S: Simd, const K: usize, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        place: Place,
    ) -> [[S::f32s; V]; K] {
        let mut sums = [[simd.splat_f32s(0.0); V]; K];
        // Far enough ahead to arrive in time, but over few pages where rows are far apart.
        let stride = self.from.column_stride.max(self.at.column_stride);
        let ahead = (PREFETCH_REACH / stride.max(1)).clamp(4, 12);
        let mut index = 0;
        while index < self.rows {
            let mut from = self.from.at(index) + place.offset;
            let mut at = self.at.at(index) + place.column;
            // Up to the end of a row of either grid.
            let run = (self.from.columns - index % self.from.columns)
                .min(self.at.columns - index % self.at.columns)
                .min(self.rows - index);
            for _ in 0..run {
                // Rows may have gaps, and then the hardware prefetcher does not detect the pattern.
                let input = from + ahead * self.from.column_stride;
                let errors = at + ahead * self.at.column_stride;
                prefetch_at(self.input.as_ptr().wrapping_add(input));
                if V > 1 {
                    // The last factor may lie in the next line. With a single vector, loads are the
                    // bottleneck already.
                    prefetch_at(self.input.as_ptr().wrapping_add(input + K - 1));
                }
                for v in 0..V {
                    prefetch_at(self.errors.as_ptr().wrapping_add(errors + v * S::F32_LANES));
                }
                let errors: [S::f32s; V] = match WHOLE {
                    // SAFETY: `accumulate` has checked that rows of errors stay within the errors.
                    true => std::array::from_fn(|v| unsafe {
                        let errors = self.errors.as_ptr().add(at).cast::<S::f32s>();
                        errors.add(v).read_unaligned()
                    }),
                    false => load(simd, &self.errors[at..][..place.width]),
                };
                for k in 0..K {
                    // SAFETY: `accumulate` has checked that segments stay within the input.
                    let factor = unsafe { *self.input.get_unchecked(from + k) };
                    let factor = simd.splat_f32s(factor);
                    for v in 0..V {
                        sums[k][v] = simd.mul_add_e_f32s(factor, errors[v], sums[k][v]);
                    }
                }
                from += self.from.column_stride;
                at += self.at.column_stride;
            }
            index += run;
        }
        sums
    }
}

/// The position of a tile of sums.
#[derive(Clone, Copy)]
struct Place {
    /// The first row of sums.
    row: usize,
    /// The offset of that row's factor from each position of the input.
    offset: usize,
    /// The first column.
    column: usize,
    /// The number of columns.
    width: usize,
}

impl WithSimd for Correlation<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for (column, padded) in split(self.columns, panel_width()) {
            let width = padded.min(self.columns - column);
            match (S::F32_LANES, padded) {
                (16, 64) => self.panel::<S, 6, 4>(simd, column, width),
                (16, 32) => self.panel::<S, 12, 2>(simd, column, width),
                (16, _) => self.panel::<S, 24, 1>(simd, column, width),
                (8, _) => self.panel::<S, 6, 2>(simd, column, width),
                (4, _) => self.panel::<S, 4, 4>(simd, column, width),
                (2, _) => self.panel::<S, 2, 8>(simd, column, width),
                _ => self.panel::<S, 1, 16>(simd, column, width),
            }
        }
    }
}

/// Adds as many sums as `output` holds.
#[inline(always)]
fn add<S: Simd, const V: usize>(simd: S, output: &mut [f32], mut sums: [S::f32s; V]) {
    let before: [S::f32s; V] = load(simd, output);
    for v in 0..V {
        sums[v] = simd.add_f32s(before[v], sums[v]);
    }
    store(simd, output, sums);
}
