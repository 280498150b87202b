//! Sums over rows of what was gathered times what came out: the gradient of a matrix.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]

use pulp::{Arch, Simd, WithSimd};

use crate::lattice::{Lattice, Segment, reach};
use crate::panels::cut;
use crate::product::widest;

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
        Arch::new().dispatch(self);
    }

    /// The sums of one panel of columns, `K` rows of sums at a time.
    #[inline(always)]
    fn panel<S: Simd, const K: usize, const V: usize>(
        &mut self,
        simd: S,
        column: usize,
        width: usize,
    ) {
        let mut row = 0;
        for segment in self.segments {
            for first in (0..segment.length).step_by(K) {
                let offset = segment.offset + first;
                let sums = match (segment.length - first, width == V * S::F32_LANES) {
                    (rest, true) if rest >= K => {
                        self.tile::<S, K, V, true>(simd, offset, K, column, width)
                    }
                    (rest, _) => {
                        self.tile::<S, K, V, false>(simd, offset, rest.min(K), column, width)
                    }
                };
                for (k, sums) in sums.iter().enumerate().take(segment.length - first) {
                    let start = (row + first + k) * self.columns + column;
                    add(simd, &mut self.sums[start..][..width], sums);
                }
            }
            row += segment.length;
        }
    }

    /// The sums of `K` rows and `V` vectors of columns. `WHOLE` where all of them exist; otherwise only
    /// the first `depth` rows and `width` columns do.
    #[inline(always)]
    fn tile<S: Simd, const K: usize, const V: usize, const WHOLE: bool>(
        &self,
        simd: S,
        offset: usize,
        depth: usize,
        column: usize,
        width: usize,
    ) -> [[S::f32s; V]; K] {
        let mut sums = [[simd.splat_f32s(0.0); V]; K];
        let mut index = 0;
        while index < self.rows {
            let (from, at) = (self.from.at(index) + offset, self.at.at(index) + column);
            // The rest of a row of the lattices, whichever is shorter.
            let run = (self.from.columns - index % self.from.columns)
                .min(self.at.columns - index % self.at.columns)
                .min(self.rows - index);
            for step in 0..run {
                let (from, at) = (from + step * self.from.column, at + step * self.at.column);
                // SAFETY: `accumulate` has checked that segments and rows of errors stay within
                // input and errors; `WHOLE` tiles lie within a segment and within the columns.
                #[allow(unsafe_code, reason = "a bounds check would take longer than the sums")]
                unsafe {
                    if WHOLE {
                        let errors = self.errors.as_ptr().add(at).cast::<S::f32s>();
                        let errors: [S::f32s; V] =
                            std::array::from_fn(|v| errors.add(v).read_unaligned());
                        for k in 0..K {
                            let factor = simd.splat_f32s(*self.input.get_unchecked(from + k));
                            for v in 0..V {
                                sums[k][v] = simd.mul_add_e_f32s(factor, errors[v], sums[k][v]);
                            }
                        }
                    }
                }
                if !WHOLE {
                    let errors = &self.errors[at..][..width];
                    for (k, sums) in sums.iter_mut().enumerate().take(depth) {
                        let factor = simd.splat_f32s(self.input[from + k]);
                        for (errors, sum) in errors.chunks(S::F32_LANES).zip(sums) {
                            let errors = simd.partial_load_f32s(errors);
                            *sum = simd.mul_add_e_f32s(factor, errors, *sum);
                        }
                    }
                }
            }
            index += run;
        }
        sums
    }
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
fn add<S: Simd, const V: usize>(simd: S, output: &mut [f32], sums: &[S::f32s; V]) {
    for (output, sum) in output.chunks_mut(S::F32_LANES).zip(sums) {
        let before = simd.partial_load_f32s(output);
        simd.partial_store_f32s(output, simd.add_f32s(before, *sum));
    }
}
