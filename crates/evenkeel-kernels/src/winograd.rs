//! Convolutions with kernels of 3 × 3 and steps of one pixel by fewer multiplications (Winograd 1980, as
//! Lavin & Gray 2016 have it for networks): `F(4×4, 3×3)`, 36 instead of 144 for a tile of outputs, and where
//! maps are too small for that `F(2×2, 3×3)`, 16 instead of 36.
//!
//! A tile of `M × M` outputs sees `T × T` pixels. Both these and the kernel are spread into `T × T` sums, which
//! multiply one by one; summed over channels those are as many products of matrices, of which outputs are
//! sums again. The gradient of the input is such a convolution, and that of the kernel goes the same way
//! backwards.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "bounds checks would take as long as the transforms"
)]

mod points;
mod tiles;

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::correlation::Correlation;
use crate::lattice::{Lattice, Segment};
use crate::memory::Numbers;
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::vectors::dispatch;
use crate::workers::Workers;
use points::{Four, Points, Two};
use tiles::{Lane, Tiling, each_lane};

/// Numbers of patches and products that are worked on at once: what the second cache holds.
const CACHED: usize = 128 * 1024;

/// Channels from which on it pays.
const LEAST: usize = 16;

/// Sizes of a convolution by this method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Winograd {
    /// Size of the input's images.
    pub(crate) size: [usize; 2],
    /// Channels of the input.
    pub(crate) inputs: usize,
    /// Channels of the output.
    pub(crate) outputs: usize,
    /// Zeros on each side, two at most.
    pub(crate) padding: [usize; 2],
}

/// Kernels spread out: a matrix `[inputs, outputs]` for each sum.
pub(crate) struct Spread(Vec<Panels>);

/// Does the same with the transforms that need fewer multiplications.
macro_rules! with_points {
    ($winograd:expr, $method:ident($($given:expr),*)) => {
        match $winograd.multiplications::<4, 6>() < $winograd.multiplications::<2, 4>() {
            true => $winograd.$method::<Four, 4, 6>($($given),*),
            false => $winograd.$method::<Two, 2, 4>($($given),*),
        }
    };
}

impl Winograd {
    /// Whether it pays.
    pub(crate) fn pays(&self) -> bool {
        self.inputs.min(self.outputs) >= LEAST && self.output_size().iter().all(|side| *side > 0)
    }

    /// The convolution that computes the gradient of the input from that of the output.
    pub(crate) fn backwards(&self) -> Self {
        Self {
            size: self.output_size(),
            inputs: self.outputs,
            outputs: self.inputs,
            padding: self.padding.map(|padding| 2 - padding),
        }
    }

    fn output_size(&self) -> [usize; 2] {
        std::array::from_fn(|axis| (self.size[axis] + 2 * self.padding[axis]).saturating_sub(2))
    }

    fn tiles<const M: usize>(&self) -> [usize; 2] {
        self.output_size().map(|side| side.div_ceil(M))
    }

    /// Multiplications for each pair of channels and image.
    fn multiplications<const M: usize, const T: usize>(&self) -> usize {
        self.tiles::<M>().iter().product::<usize>() * T * T
    }

    /// What tiles see.
    fn patches<const M: usize>(&self) -> Tiling {
        Tiling {
            size: self.size,
            channels: self.inputs,
            tiles: self.tiles::<M>(),
            step: M,
            before: self.padding,
        }
    }

    /// The tiles of outputs.
    fn outcomes<const M: usize>(&self) -> Tiling {
        Tiling {
            size: self.output_size(),
            channels: self.outputs,
            tiles: self.tiles::<M>(),
            step: M,
            before: [0; 2],
        }
    }

    /// The tiles of some images in blocks of about the same size, while they stay in the cache: a multiple
    /// of the rows that the kernels do.
    fn blocks<const M: usize, const T: usize>(
        &self,
        numbers: usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let images = numbers / (self.size[0] * self.size[1] * self.inputs);
        let tiles = images * self.tiles::<M>().iter().product::<usize>();
        let rows = if self.outputs <= 16 { 14 } else { 12 };
        let most = (CACHED / (T * T * (self.inputs + self.outputs))).max(rows);
        let block = tiles
            .div_ceil(tiles.div_ceil(most).max(1))
            .next_multiple_of(rows)
            .max(rows);
        (0..tiles)
            .step_by(block)
            .map(move |first| first..tiles.min(first + block))
    }

    /// Weights `[outputs, inputs, 3, 3]` made ready.
    pub(crate) fn forward_weights(&self, workers: &Workers, w: &[f32]) -> Spread {
        let at = |input: usize, output: usize, tap: usize| (output * self.inputs + input) * 9 + tap;
        with_points!(self, spread(workers, w, at))
    }

    /// The same weights made ready for [`Winograd::backwards`], whose inputs are their outputs: each kernel
    /// turned around.
    pub(crate) fn backward_weights(&self, workers: &Workers, w: &[f32]) -> Spread {
        let at =
            |input: usize, output: usize, tap: usize| (input * self.outputs + output) * 9 + 8 - tap;
        with_points!(self, spread(workers, w, at))
    }

    fn spread<P: Points<M, T>, const M: usize, const T: usize>(
        &self,
        workers: &Workers,
        w: &[f32],
        at: impl Fn(usize, usize, usize) -> usize + Sync + Send,
    ) -> Spread {
        let row = T * T * self.outputs;
        let mut spread = workers.memory().numbers(self.inputs * row);
        workers.chunks(&mut spread, LEAST * row, |chunk, rows| {
            let mut taps = workers.memory().numbers(9 * self.outputs);
            for (input, row) in rows.chunks_exact_mut(row).enumerate() {
                for (tap, taps) in taps.chunks_exact_mut(self.outputs).enumerate() {
                    for (output, place) in taps.iter_mut().enumerate() {
                        *place = w[at(chunk * LEAST + input, output, tap)];
                    }
                }
                dispatch(Kernels::<P, M, T> {
                    taps: &taps,
                    sums: row,
                    points: PhantomData,
                });
            }
        });
        let rows: Vec<usize> = (0..self.inputs).map(|input| input * row).collect();
        let matrix = |sum: usize| {
            let source = &spread[sum * self.outputs..];
            Panels::new(workers, source, &rows, self.outputs, 1, widest())
        };
        Spread((0..T * T).map(matrix).collect())
    }

    /// The outputs of some images.
    pub(crate) fn forward(&self, workers: &Workers, weights: &Spread, x: &[f32], y: &mut [f32]) {
        with_points!(self, outputs(workers, weights, x, y));
    }

    fn outputs<P: Points<M, T>, const M: usize, const T: usize>(
        &self,
        workers: &Workers,
        weights: &Spread,
        x: &[f32],
        y: &mut [f32],
    ) {
        let sums = T * T;
        for tiles in self.blocks::<M, T>(x.len()) {
            let count = tiles.len();
            let mut patches = workers.memory().numbers(sums * count * self.inputs);
            let mut products = workers.memory().numbers(sums * count * self.outputs);
            dispatch(Patches::<P, M, T> {
                of: self.patches::<M>(),
                tiles: tiles.clone(),
                numbers: x,
                sums: &mut patches,
                points: PhantomData,
            });
            for (kind, matrix) in weights.0.iter().enumerate() {
                Product {
                    input: &patches,
                    from: Lattice::line(kind * self.inputs, sums * self.inputs),
                    segments: &[channels(self.inputs)],
                    matrix,
                    bias: None,
                    output: &mut products,
                    to: Lattice::line(kind * self.outputs, sums * self.outputs),
                    rows: count,
                }
                .compute();
            }
            dispatch(Outputs::<P, M, T> {
                of: self.outcomes::<M>(),
                tiles,
                numbers: y,
                sums: &products,
                points: PhantomData,
            });
        }
    }

    /// What some images contribute to the gradient of the weights: a matrix `[inputs, outputs]` for each tap.
    pub(crate) fn weight_sums(&self, workers: &Workers, x: &[f32], dy: &[f32]) -> Numbers {
        with_points!(self, sums(workers, x, dy))
    }

    fn sums<P: Points<M, T>, const M: usize, const T: usize>(
        &self,
        workers: &Workers,
        x: &[f32],
        dy: &[f32],
    ) -> Numbers {
        let kinds = T * T;
        let weights = self.inputs * self.outputs;
        let mut sums = workers.memory().zeros(kinds * weights);
        for tiles in self.blocks::<M, T>(x.len()) {
            let count = tiles.len();
            let mut patches = workers.memory().numbers(kinds * count * self.inputs);
            let mut errors = workers.memory().numbers(kinds * count * self.outputs);
            dispatch(Patches::<P, M, T> {
                of: self.patches::<M>(),
                tiles: tiles.clone(),
                numbers: x,
                sums: &mut patches,
                points: PhantomData,
            });
            dispatch(Errors::<P, M, T> {
                of: self.outcomes::<M>(),
                tiles,
                numbers: dy,
                sums: &mut errors,
                points: PhantomData,
            });
            for (kind, sums) in sums.chunks_exact_mut(weights).enumerate() {
                Correlation {
                    input: &patches,
                    from: Lattice::line(kind * self.inputs, kinds * self.inputs),
                    segments: &[channels(self.inputs)],
                    errors: &errors,
                    at: Lattice::line(kind * self.outputs, kinds * self.outputs),
                    rows: count,
                    columns: self.outputs,
                    sums,
                }
                .accumulate();
            }
        }
        let mut gradient = workers.memory().numbers(9 * weights);
        dispatch(Gradient::<P, M, T> {
            sums: &sums,
            taps: &mut gradient,
            points: PhantomData,
        });
        gradient
    }

    /// The gradient of the weights from what all images contribute.
    pub(crate) fn weight_gradient(&self, sums: &[f32], dw: &mut [f32]) {
        let weights = self.inputs * self.outputs;
        for (kernel, dw) in dw.chunks_exact_mut(9).enumerate() {
            let (output, input) = (kernel / self.inputs, kernel % self.inputs);
            let of_taps = sums[input * self.outputs + output..]
                .iter()
                .step_by(weights);
            dw.iter_mut().zip(of_taps).for_each(|(dw, sum)| *dw = *sum);
        }
    }
}

/// All channels of a position.
fn channels(length: usize) -> Segment {
    Segment { offset: 0, length }
}

/// Vectors between the two axes of a transform, more than there are registers for: each a line of the cache. Where it
/// happens to lie, one of them might go over the end of a page, and take longer to write than all others together.
#[repr(align(64))]
struct Aligned<T>(T);

/// The second axis of a transform, of which the first is done, as rows of columns.
macro_rules! columns {
    ($transform:path, $simd:expr, $rows:expr, $N:expr, $column:ident, $values:ident => $do:expr) => {
        for $column in 0..$rows[0].len() {
            let column: [_; $N] = std::array::from_fn(|row| $rows[row][$column]);
            let $values = $transform($simd, column);
            $do;
        }
    };
}

/// `G g Gᵀ` of kernels, each tap's of neighbouring outputs side by side.
struct Kernels<'a, P, const M: usize, const T: usize> {
    taps: &'a [f32],
    sums: &'a mut [f32],
    points: PhantomData<P>,
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

/// `Gᵀ s G` of sums: the gradient of kernels, those of each tap side by side.
struct Gradient<'a, P, const M: usize, const T: usize> {
    sums: &'a [f32],
    taps: &'a mut [f32],
    points: PhantomData<P>,
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

/// Both axes of a transform of squares of `N × N` pixels into sums.
macro_rules! spread_tiles {
    ($(#[$about:meta])* $name:ident, $transform:ident, $N:ident) => {
        $(#[$about])*
        struct $name<'a, P, const M: usize, const T: usize> {
            of: Tiling,
            tiles: Range<usize>,
            numbers: &'a [f32],
            sums: &'a mut [f32],
            points: PhantomData<P>,
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
                            // SAFETY: the tile is one of these numbers.
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
    /// `Bᵀ d B` of what tiles see.
    Patches, patch, T
);
spread_tiles!(
    /// `A e Aᵀ` of the errors of outputs.
    Errors, error, M
);

/// `Aᵀ m A` of products.
struct Outputs<'a, P, const M: usize, const T: usize> {
    of: Tiling,
    tiles: Range<usize>,
    numbers: &'a mut [f32],
    sums: &'a [f32],
    points: PhantomData<P>,
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
                    // SAFETY: the tile is one of these numbers.
                    unsafe { lane.store_row(simd, &self.of, tile, row, self.numbers, pixels) };
                });
            });
        }
    }
}
