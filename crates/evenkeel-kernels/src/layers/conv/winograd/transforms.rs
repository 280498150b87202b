//! The two-dimensional transforms of tiles and kernels, vectorised over channels.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "bounds checks would take as long as the transforms"
)]

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::points::Points;
use super::tiles::{Lane, Tiling, each_lane};

/// Vectors between the two axes of a transform, which spill to the stack. Aligned to cache lines,
/// because a store across a page boundary takes longer than all others together.
#[repr(align(64))]
struct Aligned<T>(T);

/// Runs `$do` with the transform of each column of `$rows`, of which the first axis is transformed
/// already.
macro_rules! columns {
    ($transform:path, $simd:expr, $rows:expr, $N:expr, $column:ident, $values:ident => $do:expr) => {
        for $column in 0..$rows[0].len() {
            let column: [_; $N] = std::array::from_fn(|row| $rows[row][$column]);
            let $values = $transform($simd, column);
            $do;
        }
    };
}

/// `G g Gᵀ` of kernels; the weights of adjacent outputs are adjacent.
pub(super) struct Kernels<'a, P, const M: usize, const T: usize> {
    pub(super) taps: &'a [f32],
    pub(super) sums: &'a mut [f32],
    pub(super) points: PhantomData<P>,
}

impl<P: Points<M, T>, const M: usize, const T: usize> WithSimd for Kernels<'_, P, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let outputs = self.taps.len() / 9;
        assert!(self.sums.len() >= T * T * outputs);
        each_lane!(S, outputs, lane => {
            let mut rows = Aligned([[simd.splat_f32s(0.0); T]; 3]);
            for row in 0..3 {
                let mut taps = [simd.splat_f32s(0.0); 3];
                for tap in 0..3 {
                    let at = (3 * row + tap) * outputs + lane.first;
                    // SAFETY: there are nine taps of as many outputs.
                    taps[tap] = unsafe { lane.load(simd, self.taps, at) };
                }
                rows.0[row] = P::kernel(simd, taps);
            }
            columns!(P::kernel, simd, rows.0, 3, column, values => {
                for row in 0..T {
                    let at = (row * T + column) * outputs + lane.first;
                    // SAFETY: there are `T × T` sums of as many outputs.
                    unsafe { lane.store(simd, self.sums, at, values[row]) };
                }
            });
        });
    }
}

/// `Gᵀ s G` of sums: the gradient of kernels.
pub(super) struct Gradient<'a, P, const M: usize, const T: usize> {
    pub(super) sums: &'a [f32],
    pub(super) taps: &'a mut [f32],
    pub(super) points: PhantomData<P>,
}

impl<P: Points<M, T>, const M: usize, const T: usize> WithSimd for Gradient<'_, P, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let weights = self.taps.len() / 9;
        assert!(self.sums.len() >= T * T * weights);
        each_lane!(S, weights, lane => {
            let mut rows = Aligned([[simd.splat_f32s(0.0); 3]; T]);
            for row in 0..T {
                let mut sums = [simd.splat_f32s(0.0); T];
                for column in 0..T {
                    let at = (row * T + column) * weights + lane.first;
                    // SAFETY: there are `T × T` sums of as many weights.
                    sums[column] = unsafe { lane.load(simd, self.sums, at) };
                }
                rows.0[row] = P::gradient(simd, sums);
            }
            columns!(P::gradient, simd, rows.0, T, column, values => {
                for row in 0..3 {
                    let at = (3 * row + column) * weights + lane.first;
                    // SAFETY: there are nine taps of as many weights.
                    unsafe { lane.store(simd, self.taps, at, values[row]) };
                }
            });
        });
    }
}

/// Defines the transform of tiles of `N × N` pixels into `T × T` sums.
macro_rules! spread_tiles {
    ($(#[$about:meta])* $name:ident, $transform:ident, $N:ident) => {
        $(#[$about])*
        pub(super) struct $name<'a, P, const M: usize, const T: usize> {
            pub(super) of: Tiling,
            pub(super) tiles: Range<usize>,
            pub(super) numbers: &'a [f32],
            pub(super) sums: &'a mut [f32],
            pub(super) points: PhantomData<P>,
        }

        impl<P: Points<M, T>, const M: usize, const T: usize> WithSimd for $name<'_, P, M, T> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let channels = self.of.channels;
                let sums = self.sums.chunks_exact_mut(T * T * channels);
                let tiles = self.of.tiles(self.tiles, self.numbers.len());
                for (tile, sums) in tiles.zip(sums) {
                    each_lane!(S, channels, lane => {
                        let mut rows = Aligned([[simd.splat_f32s(0.0); T]; $N]);
                        for row in 0..$N {
                            // SAFETY: the tile comes from `Tiling::tiles` for these numbers.
                            let pixels = unsafe { lane.load_row(simd, &self.of, tile, row, self.numbers) };
                            rows.0[row] = P::$transform(simd, pixels);
                        }
                        columns!(P::$transform, simd, rows.0, $N, column, values => {
                            for row in 0..T {
                                let at = (row * T + column) * channels + lane.first;
                                // SAFETY: there are `T × T` sums of all channels.
                                unsafe { lane.store(simd, sums, at, values[row]) };
                            }
                        });
                    });
                }
            }
        }
    };
}

spread_tiles!(
    /// `Bᵀ d B` of input patches.
    Patches, patch, T
);
spread_tiles!(
    /// `A e Aᵀ` of the errors of output tiles.
    Errors, error, M
);

/// `Aᵀ m A` of products: output tiles.
pub(super) struct Outputs<'a, P, const M: usize, const T: usize> {
    pub(super) of: Tiling,
    pub(super) tiles: Range<usize>,
    pub(super) numbers: &'a mut [f32],
    pub(super) sums: &'a [f32],
    pub(super) points: PhantomData<P>,
}

impl<P: Points<M, T>, const M: usize, const T: usize> WithSimd for Outputs<'_, P, M, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.of.channels;
        let sums = self.sums.chunks_exact(T * T * channels);
        for (tile, sums) in self.of.tiles(self.tiles, self.numbers.len()).zip(sums) {
            each_lane!(S, channels, lane => {
                let mut columns = Aligned([[simd.splat_f32s(0.0); M]; T]);
                for column in 0..T {
                    let mut products = [simd.splat_f32s(0.0); T];
                    for row in 0..T {
                        let at = (row * T + column) * channels + lane.first;
                        // SAFETY: there are `T × T` sums of all channels.
                        products[row] = unsafe { lane.load(simd, sums, at) };
                    }
                    columns.0[column] = P::output(simd, products);
                }
                columns!(P::output, simd, columns.0, T, row, pixels => {
                    // SAFETY: the tile comes from `Tiling::tiles` for these numbers.
                    unsafe { lane.store_row(simd, &self.of, tile, row, self.numbers, pixels) };
                });
            });
        }
    }
}
