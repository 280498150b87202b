//! Sums over rows of what was gathered times what came out: the gradient of a matrix.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(unsafe_code, reason = "a bounds check would take longer than the sums")]

use pulp::{Simd, WithSimd};

use crate::ahead::ask_at;
use crate::lattice::{Lattice, Segment, reach};
use crate::panels::cut;
use crate::product::{store, vectors, widest};
use crate::vectors::dispatch;

/// `sums[k, n] += Σ_r input(r)[k] · errors[r, n]`, where `input(r)` is the input's segments as seen from
/// position `r`, one after the other.
pub struct Correlation<'a> {
    /// The input.
    pub input: &'a [f32],
    /// From where each row is gathered.
    pub from: Lattice,
    /// What is gathered.
    pub segments: &'a [Segment],
    /// The errors.
    pub errors: &'a [f32],
    /// Where each of their rows begins.
    pub at: Lattice,
    /// Number of rows.
    pub rows: usize,
    /// Columns of errors and of sums.
    pub columns: usize,
    /// The sums, as many rows as the segments are long together.
    pub sums: &'a mut [f32],
}

/// Numbers in some pages of memory.
const NEAR: usize = 8 * 1024;

impl Correlation<'_> {
    /// Adds it to the sums.
    ///
    /// # Panics
    /// When input, errors or sums are smaller than rows and segments ask for.
    pub fn accumulate(self) {
        let depth: usize = self.segments.iter().map(|segment| segment.length).sum();
        assert_eq!(self.sums.len(), depth * self.columns);
        assert!(reach(&self.from, self.rows, self.segments) <= self.input.len());
        let row = Segment {
            offset: 0,
            length: self.columns,
        };
        assert!(reach(&self.at, self.rows, &[row]) <= self.errors.len());
        dispatch(self);
    }

    /// The sums of one panel of columns, `K` rows of sums at a time, and as many as are left at the end
    /// of a segment in few goes.
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

    /// `K` rows of sums; returns `K`.
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

/// `K` rows of sums and `V` vectors of columns, `WHOLE` where all of these exist. A function by itself:
/// the compiler keeps sums in registers in functions of this size only.
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
    /// The sums of `K` rows and `V` vectors of columns. `WHOLE` where all of these exist.
    #[inline(always)]
    fn tile<S: Simd, const K: usize, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        place: Place,
    ) -> [[S::f32s; V]; K] {
        let mut sums = [[simd.splat_f32s(0.0); V]; K];
        // Far enough to come in time, and where rows are far apart not over many pages.
        let ahead = (NEAR / self.from.column.max(self.at.column).max(1)).clamp(4, 12);
        let mut index = 0;
        while index < self.rows {
            let mut from = self.from.at(index) + place.offset;
            let mut at = self.at.at(index) + place.column;
            // The rest of a row of the lattices, whichever is shorter.
            let run = (self.from.columns - index % self.from.columns)
                .min(self.at.columns - index % self.at.columns)
                .min(self.rows - index);
            for _ in 0..run {
                // Other numbers may lie between rows, and then the processor sees none of them coming.
                let input = from + ahead * self.from.column;
                let errors = at + ahead * self.at.column;
                ask_at(self.input.as_ptr().wrapping_add(input));
                if V > 1 {
                    // The last factor may be in another line; a single vector waits for its loads as it is.
                    ask_at(self.input.as_ptr().wrapping_add(input + K - 1));
                }
                for v in 0..V {
                    ask_at(self.errors.as_ptr().wrapping_add(errors + v * S::F32_LANES));
                }
                let errors: [S::f32s; V] = match WHOLE {
                    // SAFETY: `accumulate` has checked that rows of errors stay within the errors.
                    true => std::array::from_fn(|v| unsafe {
                        let errors = self.errors.as_ptr().add(at).cast::<S::f32s>();
                        errors.add(v).read_unaligned()
                    }),
                    false => vectors(simd, &self.errors[at..][..place.width]),
                };
                for k in 0..K {
                    // SAFETY: `accumulate` has checked that segments stay within the input.
                    let factor = unsafe { *self.input.get_unchecked(from + k) };
                    let factor = simd.splat_f32s(factor);
                    for v in 0..V {
                        sums[k][v] = simd.mul_add_e_f32s(factor, errors[v], sums[k][v]);
                    }
                }
                from += self.from.column;
                at += self.at.column;
            }
            index += run;
        }
        sums
    }
}

/// Where a tile of sums is.
#[derive(Clone, Copy)]
struct Place {
    /// Its first row of sums.
    row: usize,
    /// What that row meets, behind each position.
    offset: usize,
    /// Its first column.
    column: usize,
    /// How many columns it has.
    width: usize,
}

impl WithSimd for Correlation<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for (column, padded) in cut(self.columns, widest()) {
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

/// Adds as many sums as there is room for.
#[inline(always)]
fn add<S: Simd, const V: usize>(simd: S, output: &mut [f32], mut sums: [S::f32s; V]) {
    let before: [S::f32s; V] = vectors(simd, output);
    for v in 0..V {
        sums[v] = simd.add_f32s(before[v], sums[v]);
    }
    store(simd, output, sums);
}
