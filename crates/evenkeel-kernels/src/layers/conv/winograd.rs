//! Winograd convolution for 3 × 3 kernels with stride 1 (Winograd 1980; Lavin & Gray 2016): `F(4×4,
//! 3×3)` with 36 instead of 144 multiplications for a tile of outputs and, for small maps, `F(2×2,
//! 3×3)` with 16 instead of 36.
//!
//! A tile of `M × M` outputs depends on a patch of `T × T` pixels. Patch and kernel are transformed
//! into `T × T` sums and multiplied element by element; summed over channels this is one matrix
//! product for each element. The inverse transform gives the outputs. The gradient of the input is
//! such a convolution too, and that of the kernel uses the transposed transforms.

mod points;
mod tiles;
mod transforms;

use std::marker::PhantomData;
use std::ops::Range;

use crate::gemm::correlation::Correlation;
use crate::gemm::panels::Panels;
use crate::gemm::product::{Product, panel_width};
use crate::gemm::strided_rows::{Segment, StridedRows};
use crate::simd::instruction_set::dispatch;
use crate::threads::{PooledBuffer, ThreadPool};
use points::{Four, Points, Two};
use tiles::Tiling;
use transforms::{Errors, Gradient, Kernels, Outputs, Patches};

/// Numbers in the patches and products of a block: what fits into the second-level cache.
const CACHED: usize = 128 * 1024;

/// The fewest channels for which the algorithm is faster.
const MIN_CHANNELS: usize = 16;

/// The shape of the convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Winograd {
    /// Height and width of the input.
    pub(crate) size: [usize; 2],
    /// Channels of the input.
    pub(crate) inputs: usize,
    /// Channels of the output.
    pub(crate) outputs: usize,
    /// Zeros on each side, at most two.
    pub(crate) padding: [usize; 2],
}

/// Transformed kernels: a matrix `[inputs, outputs]` for each of the `T × T` sums.
pub(crate) struct TransformedKernels(Vec<Panels>);

/// Calls the method with the transforms that need fewer multiplications.
macro_rules! with_points {
    ($winograd:expr, $method:ident($($given:expr),*)) => {
        match $winograd.multiplications::<4, 6>() < $winograd.multiplications::<2, 4>() {
            true => $winograd.$method::<Four, 4, 6>($($given),*),
            false => $winograd.$method::<Two, 2, 4>($($given),*),
        }
    };
}

impl Winograd {
    /// Whether it is faster than a direct convolution.
    pub(crate) fn pays(&self) -> bool {
        self.inputs.min(self.outputs) >= MIN_CHANNELS
            && self.output_size().iter().all(|side| *side > 0)
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

    /// Multiplications for one image and one pair of channels.
    fn multiplications<const M: usize, const T: usize>(&self) -> usize {
        self.tiles::<M>().iter().product::<usize>() * T * T
    }

    /// The patches of the input.
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
    fn output_tiles<const M: usize>(&self) -> Tiling {
        Tiling {
            size: self.output_size(),
            channels: self.outputs,
            tiles: self.tiles::<M>(),
            step: M,
            before: [0; 2],
        }
    }

    /// Splits the tiles of some images into blocks of about the same size that fit into the cache;
    /// block sizes are multiples of the tile height of matrix products.
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

    /// Transforms weights `[outputs, inputs, 3, 3]`.
    pub(crate) fn forward_weights(&self, pool: &ThreadPool, w: &[f32]) -> TransformedKernels {
        let at = |input: usize, output: usize, tap: usize| (output * self.inputs + input) * 9 + tap;
        with_points!(self, transform(pool, w, at))
    }

    /// Transforms the same weights for [`Winograd::backwards`], which swaps inputs and outputs and
    /// rotates each kernel by 180°.
    pub(crate) fn backward_weights(&self, pool: &ThreadPool, w: &[f32]) -> TransformedKernels {
        let at =
            |input: usize, output: usize, tap: usize| (input * self.outputs + output) * 9 + 8 - tap;
        with_points!(self, transform(pool, w, at))
    }

    fn transform<P: Points<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &ThreadPool,
        w: &[f32],
        at: impl Fn(usize, usize, usize) -> usize + Sync + Send,
    ) -> TransformedKernels {
        let row = T * T * self.outputs;
        let mut transformed = pool.buffers().take(self.inputs * row);
        pool.for_each_chunk(&mut transformed, MIN_CHANNELS * row, |chunk, rows| {
            let mut taps = pool.buffers().take(9 * self.outputs);
            for (input, row) in rows.chunks_exact_mut(row).enumerate() {
                for (tap, taps) in taps.chunks_exact_mut(self.outputs).enumerate() {
                    for (output, place) in taps.iter_mut().enumerate() {
                        *place = w[at(chunk * MIN_CHANNELS + input, output, tap)];
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
            let source = &transformed[sum * self.outputs..];
            Panels::new(pool, source, &rows, self.outputs, 1, panel_width())
        };
        TransformedKernels((0..T * T).map(matrix).collect())
    }

    /// Writes the outputs of some images.
    pub(crate) fn forward(
        &self,
        pool: &ThreadPool,
        weights: &TransformedKernels,
        x: &[f32],
        y: &mut [f32],
    ) {
        with_points!(self, outputs(pool, weights, x, y));
    }

    fn outputs<P: Points<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &ThreadPool,
        weights: &TransformedKernels,
        x: &[f32],
        y: &mut [f32],
    ) {
        let sums = T * T;
        for tiles in self.blocks::<M, T>(x.len()) {
            let count = tiles.len();
            let mut patches = pool.buffers().take(sums * count * self.inputs);
            let mut products = pool.buffers().take(sums * count * self.outputs);
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
                    from: StridedRows::evenly_spaced(kind * self.inputs, sums * self.inputs),
                    segments: &[channels(self.inputs)],
                    matrix,
                    bias: None,
                    output: &mut products,
                    to: StridedRows::evenly_spaced(kind * self.outputs, sums * self.outputs),
                    rows: count,
                }
                .compute();
            }
            dispatch(Outputs::<P, M, T> {
                of: self.output_tiles::<M>(),
                tiles,
                numbers: y,
                sums: &products,
                points: PhantomData,
            });
        }
    }

    /// The part of some images in the gradient of the weights: a matrix `[inputs, outputs]` for
    /// each tap.
    pub(crate) fn weight_sums(&self, pool: &ThreadPool, x: &[f32], dy: &[f32]) -> PooledBuffer {
        with_points!(self, sums(pool, x, dy))
    }

    fn sums<P: Points<M, T>, const M: usize, const T: usize>(
        &self,
        pool: &ThreadPool,
        x: &[f32],
        dy: &[f32],
    ) -> PooledBuffer {
        let kinds = T * T;
        let weights = self.inputs * self.outputs;
        let mut sums = pool.buffers().take_zeroed(kinds * weights);
        for tiles in self.blocks::<M, T>(x.len()) {
            let count = tiles.len();
            let mut patches = pool.buffers().take(kinds * count * self.inputs);
            let mut errors = pool.buffers().take(kinds * count * self.outputs);
            dispatch(Patches::<P, M, T> {
                of: self.patches::<M>(),
                tiles: tiles.clone(),
                numbers: x,
                sums: &mut patches,
                points: PhantomData,
            });
            dispatch(Errors::<P, M, T> {
                of: self.output_tiles::<M>(),
                tiles,
                numbers: dy,
                sums: &mut errors,
                points: PhantomData,
            });
            for (kind, sums) in sums.chunks_exact_mut(weights).enumerate() {
                Correlation {
                    input: &patches,
                    from: StridedRows::evenly_spaced(kind * self.inputs, kinds * self.inputs),
                    segments: &[channels(self.inputs)],
                    errors: &errors,
                    at: StridedRows::evenly_spaced(kind * self.outputs, kinds * self.outputs),
                    rows: count,
                    columns: self.outputs,
                    sums,
                }
                .accumulate();
            }
        }
        let mut gradient = pool.buffers().take(9 * weights);
        dispatch(Gradient::<P, M, T> {
            sums: &sums,
            taps: &mut gradient,
            points: PhantomData,
        });
        gradient
    }

    /// Writes the gradient of the weights, given the sum of the parts of all images.
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

/// All channels of a pixel.
fn channels(length: usize) -> Segment {
    Segment { offset: 0, length }
}
