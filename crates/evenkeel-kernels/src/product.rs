//! Rows gathered from all over an input, times a matrix: what a linear layer and a convolution
//! compute, forward and towards their input.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]

use pulp::{Arch, Simd, WithSimd};

use crate::lattice::{Lattice, Segment, reach};
use crate::panels::{LINE, Panel, Panels, WIDEST};

/// `output[r, n] = bias[n] + Σ_k input(r)[k] · matrix[k, n]`, where `input(r)` is the input's
/// segments as seen from position `r`, one after the other.
pub struct Product<'a> {
    /// The input.
    pub input: &'a [f32],
    /// From where each row is gathered.
    pub from: Lattice,
    /// What is gathered.
    pub segments: &'a [Segment],
    /// The matrix, at least as deep as the segments are long together; rows behind that do not count.
    pub matrix: &'a Panels,
    /// What is added to each column.
    pub bias: Option<&'a [f32]>,
    /// The output.
    pub output: &'a mut [f32],
    /// Where each row goes to.
    pub to: Lattice,
    /// Number of rows.
    pub rows: usize,
}

/// The widest panel that this processor's registers hold with some rows beside it.
pub fn widest() -> usize {
    struct Widest;
    impl WithSimd for Widest {
        type Output = usize;
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            match (S::F32_LANES, S::REGISTER_COUNT) {
                (16, _) => WIDEST,
                _ => LINE,
            }
        }
    }
    Arch::new().dispatch(Widest)
}

impl Product<'_> {
    /// Computes it.
    ///
    /// # Panics
    /// When input, matrix or output are smaller than rows and segments ask for.
    pub fn compute(self) {
        let depth: usize = self.segments.iter().map(|segment| segment.length).sum();
        assert!(
            depth <= self.matrix.depth,
            "segments against rows of the matrix"
        );
        assert!(reach(&self.from, self.rows, self.segments) <= self.input.len());
        assert!(
            self.bias
                .is_none_or(|bias| bias.len() == self.matrix.columns)
        );
        if self.rows > 0 {
            Arch::new().dispatch(self);
        }
    }

    /// All rows of one panel, `P` at a time, `V` vectors wide.
    #[inline(always)]
    fn panel<S: Simd, const P: usize, const V: usize>(&mut self, simd: S, panel: &Panel) {
        let matrix = S::as_simd_f32s(self.matrix.of(panel)).0;
        let width = panel.width.min(self.matrix.columns - panel.column);
        let bias = match self.bias {
            Some(bias) => vectors(simd, &bias[panel.column..][..width]),
            None => [simd.splat_f32s(0.0); V],
        };
        for first in (0..self.rows).step_by(P) {
            let last = self.rows - 1;
            let from = std::array::from_fn(|p| self.from.at((first + p).min(last)));
            #[allow(
                unsafe_code,
                reason = "a bounds check would take longer than the product"
            )]
            // SAFETY: `compute` has checked that the segments stay within the input from every row
            // up to the last, and the panel has `depth` rows of V vectors.
            let sums = unsafe { tile::<S, P, V>(simd, self.input, from, self.segments, matrix) };
            for (p, sums) in sums.iter().enumerate().take(self.rows - first) {
                let start = self.to.at(first + p) + panel.column;
                let sums: [S::f32s; V] = std::array::from_fn(|v| simd.add_f32s(sums[v], bias[v]));
                store(simd, &mut self.output[start..][..width], &sums);
            }
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let matrix = self.matrix;
        for panel in &matrix.panels {
            match (S::F32_LANES, panel.width) {
                (16, 64) => self.panel::<S, 6, 4>(simd, panel),
                (16, 32) => self.panel::<S, 12, 2>(simd, panel),
                (16, _) => self.panel::<S, 14, 1>(simd, panel),
                (8, _) => self.panel::<S, 6, 2>(simd, panel),
                (4, _) => self.panel::<S, 4, 4>(simd, panel),
                (2, _) => self.panel::<S, 2, 8>(simd, panel),
                _ => self.panel::<S, 1, 16>(simd, panel),
            }
        }
    }
}

/// The numbers in vectors, zeros behind them.
#[inline(always)]
fn vectors<S: Simd, const V: usize>(simd: S, numbers: &[f32]) -> [S::f32s; V] {
    std::array::from_fn(|v| {
        let from = (v * S::F32_LANES).min(numbers.len());
        let to = (from + S::F32_LANES).min(numbers.len());
        simd.partial_load_f32s(&numbers[from..to])
    })
}

/// Writes as many numbers as there is room for.
#[inline(always)]
fn store<S: Simd, const V: usize>(simd: S, output: &mut [f32], sums: &[S::f32s; V]) {
    if output.len() == V * S::F32_LANES {
        S::as_mut_simd_f32s(output).0.copy_from_slice(sums);
        return;
    }
    for (output, sum) in output.chunks_mut(S::F32_LANES).zip(sums) {
        simd.partial_store_f32s(output, *sum);
    }
}

/// `P` rows times `V` vectors of columns.
///
/// # Safety
/// Every segment must lie within the input as seen from each position in `from`, and `matrix` must have as many
/// times `V` vectors as the segments are long together.
#[inline(always)]
#[allow(
    unsafe_code,
    reason = "a bounds check would take longer than the product"
)]
unsafe fn tile<S: Simd, const P: usize, const V: usize>(
    simd: S,
    input: &[f32],
    from: [usize; P],
    segments: &[Segment],
    matrix: &[S::f32s],
) -> [[S::f32s; V]; P] {
    let mut sums = [[simd.splat_f32s(0.0); V]; P];
    let mut row = 0;
    for segment in segments {
        let from = from.map(|from| from + segment.offset);
        for k in 0..segment.length {
            // SAFETY: the caller's promise.
            unsafe {
                let numbers: [S::f32s; V] = std::array::from_fn(|v| *matrix.get_unchecked(row + v));
                for p in 0..P {
                    let factor = simd.splat_f32s(*input.get_unchecked(from[p] + k));
                    for v in 0..V {
                        sums[p][v] = simd.mul_add_e_f32s(factor, numbers[v], sums[p][v]);
                    }
                }
            }
            row += V;
        }
    }
    sums
}
