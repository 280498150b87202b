//! The inner loops of [`Product`](super::Product): a tile of rows times one panel.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "a bounds check would take longer than the product"
)]

use pulp::{Simd, WithSimd};

use crate::gemm::strided_rows::Segment;
use crate::simd::registers::{load, store};

/// One panel of the matrix, and how rows of the input meet it.
#[derive(Clone, Copy)]
pub(super) struct PanelOperand<'a> {
    pub(super) segments: &'a [Segment],
    pub(super) numbers: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
}

/// Unroll factor over `k`: the addresses of rows are computed once for so many terms of the sums.
const UNROLL: usize = 4;

/// Whether unrolling would spill registers: the compiler loads all factors first, a factor that
/// meets several vectors needs a register, and many rows leave none.
const fn unrolling_spills(rows: usize, vectors: usize) -> bool {
    vectors > 1 && rows > 6
}

/// `P` rows of the input. With `EVEN` spacing only every third row has an address of its own and
/// the two after it are reached by the stride, so that few registers hold addresses.
struct Rows<'a, const P: usize, const EVEN: bool> {
    input: &'a [f32],
    places: [usize; P],
    stride: usize,
}

impl<const P: usize, const EVEN: bool> Rows<'_, P, EVEN> {
    /// The number at offset `k` in row `p`.
    ///
    /// # Safety
    /// It must lie within the input.
    #[inline(always)]
    unsafe fn factor(&self, p: usize, k: usize) -> f32 {
        let place = match EVEN {
            true => self.places[p / 3 * 3] + p % 3 * self.stride,
            false => self.places[p],
        };
        // SAFETY: the caller's promise.
        unsafe { *self.input.get_unchecked(place + k) }
    }

    /// Adds `TERMS` terms to the sums, starting at offset `k` of the rows and at vector `first` of
    /// the matrix.
    ///
    /// # Safety
    /// All of them must lie within the input and the matrix.
    #[inline(always)]
    unsafe fn add<S: Simd, const V: usize, const TERMS: usize>(
        &self,
        simd: S,
        matrix: &[S::f32s],
        k: usize,
        first: usize,
        sums: &mut [[S::f32s; V]; P],
    ) {
        for term in 0..TERMS {
            for p in 0..P {
                // SAFETY: the caller's promise.
                let factor = simd.splat_f32s(unsafe { self.factor(p, k + term) });
                for v in 0..V {
                    // SAFETY: the caller's promise.
                    let number = unsafe { *matrix.get_unchecked(first + term * V + v) };
                    sums[p][v] = simd.mul_add_e_f32s(factor, number, sums[p][v]);
                }
            }
        }
    }
}

impl PanelOperand<'_> {
    /// The product of `P` rows and `V` vectors of columns.
    ///
    /// # Safety
    /// Every segment must lie within the input relative to each row, and the panel must hold `V`
    /// vectors for each number of the segments.
    #[inline(always)]
    unsafe fn times<S: Simd, const P: usize, const V: usize, const EVEN: bool>(
        &self,
        simd: S,
        input: &[f32],
        from: &[usize; P],
        stride: usize,
    ) -> [[S::f32s; V]; P] {
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        let numbers = S::as_simd_f32s(self.numbers).0;
        let mut first = 0;
        for segment in self.segments {
            let mut rows = Rows::<P, EVEN> {
                input,
                places: *from,
                stride,
            };
            for p in 0..P {
                rows.places[p] += segment.offset;
            }
            let unrolled = match const { unrolling_spills(P, V) } {
                true => 0,
                false => segment.length / UNROLL * UNROLL,
            };
            for k in (0..unrolled).step_by(UNROLL) {
                // SAFETY: the caller's promise.
                unsafe { rows.add::<S, V, UNROLL>(simd, numbers, k, first, &mut sums) };
                first += UNROLL * V;
            }
            for k in unrolled..segment.length {
                // SAFETY: the caller's promise.
                unsafe { rows.add::<S, V, 1>(simd, numbers, k, first, &mut sums) };
                first += V;
            }
        }
        if let Some(bias) = self.bias {
            let bias: [S::f32s; V] = load(simd, bias);
            for p in 0..P {
                for v in 0..V {
                    sums[p][v] = simd.add_f32s(sums[p][v], bias[v]);
                }
            }
        }
        sums
    }
}

/// Multiplies `tiles` tiles of `P` evenly spaced rows. This and [`GatheredRows`] are functions of
/// their own because the compiler keeps sums in registers only in functions of this size. Only
/// [`Product`](super::Product) constructs them, after checking that all reads lie within the input
/// and the matrix.
pub(super) struct EvenRows<'a, const P: usize, const V: usize> {
    pub(super) matrix: PanelOperand<'a>,
    pub(super) input: &'a [f32],
    pub(super) from: usize,
    pub(super) input_stride: usize,
    pub(super) output: &'a mut [f32],
    pub(super) to: usize,
    pub(super) output_stride: usize,
    pub(super) tiles: usize,
    pub(super) width: usize,
}

impl<const P: usize, const V: usize> WithSimd for EvenRows<'_, P, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (mut place, mut to) = (self.from, self.to);
        for _ in 0..self.tiles {
            let mut from = [place; P];
            for p in 0..P {
                from[p] += p * self.input_stride;
            }
            // SAFETY: `Product` has checked the reads.
            let sums: [[S::f32s; V]; P] = unsafe {
                self.matrix
                    .times::<S, P, V, true>(simd, self.input, &from, self.input_stride)
            };
            for p in 0..P {
                store(simd, &mut self.output[to..][..self.width], sums[p]);
                to += self.output_stride;
            }
            place += P * self.input_stride;
        }
    }
}

/// Rows of a matrix that fit into registers beside the sums of a few rows of the input.
pub(super) const MATRIX_ROWS: usize = 16;

/// Multiplies evenly spaced rows of [`MATRIX_ROWS`] numbers by a matrix of one vector of columns
/// that stays in registers. Each number of such an input is used once, so loading the matrix would
/// double the loads. Constructed as [`EvenRows`].
pub(super) struct MatrixInRegisters<'a> {
    pub(super) input: &'a [f32],
    pub(super) from: usize,
    pub(super) input_stride: usize,
    pub(super) matrix: &'a [f32],
    pub(super) output: &'a mut [f32],
    pub(super) to: usize,
    pub(super) output_stride: usize,
    pub(super) rows: usize,
    pub(super) width: usize,
}

impl MatrixInRegisters<'_> {
    /// Multiplies the next `P` rows.
    ///
    /// # Safety
    /// They must lie within the input.
    #[inline(always)]
    unsafe fn rows<S: Simd, const P: usize>(&mut self, simd: S, matrix: &[S::f32s; MATRIX_ROWS]) {
        let mut sums = [simd.splat_f32s(0.0); P];
        // SAFETY: the caller's promise.
        let rows: [*const f32; P] = std::array::from_fn(|p| unsafe {
            self.input.as_ptr().add(self.from + p * self.input_stride)
        });
        // Written out, because the compiler does not unroll a loop of this length and would keep
        // the matrix in memory.
        macro_rules! terms {
            ($($k:literal)*) => {$(
                for p in 0..P {
                    // SAFETY: the caller's promise.
                    let factor = simd.splat_f32s(unsafe { *rows[p].add($k) });
                    sums[p] = simd.mul_add_e_f32s(factor, matrix[$k], sums[p]);
                }
            )*};
        }
        terms!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        for p in 0..P {
            let to = self.to + p * self.output_stride;
            store(simd, &mut self.output[to..][..self.width], [sums[p]]);
        }
        self.from += P * self.input_stride;
        self.to += P * self.output_stride;
    }
}

impl WithSimd for MatrixInRegisters<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Some(&matrix) = S::as_simd_f32s(self.matrix).0.first_chunk() else {
            unreachable!("`Product` has checked the number of rows");
        };
        for _ in 0..self.rows / 4 {
            // SAFETY: as for `EvenRows`.
            unsafe { self.rows::<S, 4>(simd, &matrix) };
        }
        for _ in 0..self.rows % 4 {
            // SAFETY: as for `EvenRows`.
            unsafe { self.rows::<S, 1>(simd, &matrix) };
        }
    }
}

/// Multiplies `P` rows at arbitrary positions and stores the first `to.len()` of them.
pub(super) struct GatheredRows<'a, const P: usize, const V: usize> {
    pub(super) matrix: PanelOperand<'a>,
    pub(super) input: &'a [f32],
    pub(super) from: [usize; P],
    pub(super) output: &'a mut [f32],
    pub(super) to: &'a [usize],
    pub(super) width: usize,
}

impl<const P: usize, const V: usize> WithSimd for GatheredRows<'_, P, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: as for `EvenRows`.
        let sums: [[S::f32s; V]; P] = unsafe {
            self.matrix
                .times::<S, P, V, false>(simd, self.input, &self.from, 0)
        };
        for p in 0..P {
            if let Some(to) = self.to.get(p) {
                store(simd, &mut self.output[*to..][..self.width], sums[p]);
            }
        }
    }
}
