//! Convolutions with kernels of 3 × 3 and steps of one pixel by 16 instead of 36 multiplications for
//! every four outputs: `F(2×2, 3×3)` of Winograd 1980, as Lavin & Gray 2016 have it for networks.
//!
//! Four outputs see 4 × 4 pixels. Both these and the kernel are spread into 16 sums, which multiply one by
//! one; summed over channels those are 16 products of matrices, of which outputs are sums again. The gradient
//! of the input is such a convolution, and that of the kernel goes the same way backwards.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use crate::correlation::Correlation;
use crate::frame::Frame;
use crate::lattice::{Lattice, Segment};
use crate::memory::Numbers;
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::workers::Workers;

/// Sums that a patch and a kernel are spread into.
const SUMS: usize = 16;

/// Tiles of four outputs that are worked on at once, while they stay in the cache: a multiple of the
/// rows that the kernels do, and no power of two, which would put all sums in one place of the cache.
const TILES: usize = 84;

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

/// Kernels `[rows, 3, 3]` spread out, as matrices.
pub(crate) struct Spread([Panels; SUMS]);

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

    /// The frame of the input, which every patch lies in.
    fn input_frame(&self) -> Frame {
        Frame {
            size: self.size,
            channels: self.inputs,
            before: self.padding,
            framed: self.tiles().map(|tiles| 2 * tiles + 2),
        }
    }

    /// The frame of the output, where it has odd sides.
    fn output_frame(&self) -> Frame {
        Frame {
            size: self.output_size(),
            channels: self.outputs,
            before: [0; 2],
            framed: self.tiles().map(|tiles| 2 * tiles),
        }
    }

    fn tiles(&self) -> [usize; 2] {
        self.output_size().map(|side| side.div_ceil(2))
    }

    /// Weights `[outputs, inputs, 3, 3]` made ready.
    pub(crate) fn forward_weights(&self, workers: &Workers, w: &[f32]) -> Spread {
        let at = |input: usize, output: usize| (output * self.inputs + input) * 9;
        let kernel = |input, output| &w[at(input, output)..][..9];
        self.spread(workers, |input, output, tap| kernel(input, output)[tap])
    }

    /// The same weights made ready for [`Winograd::backwards`], whose inputs are their outputs: each kernel
    /// turned around.
    pub(crate) fn backward_weights(&self, workers: &Workers, w: &[f32]) -> Spread {
        let at = |input: usize, output: usize| (input * self.outputs + output) * 9;
        let kernel = |input, output| &w[at(input, output)..][..9];
        self.spread(workers, |input, output, tap| kernel(input, output)[8 - tap])
    }

    fn spread(
        &self,
        workers: &Workers,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync + Send,
    ) -> Spread {
        let row = SUMS * self.outputs;
        let mut spread = workers.memory().numbers(self.inputs * row);
        workers.chunks(&mut spread, LEAST * row, |chunk, rows| {
            for (input, row) in rows.chunks_exact_mut(row).enumerate() {
                for output in 0..self.outputs {
                    let tap = |tap| weight(chunk * LEAST + input, output, tap);
                    let sums = spread_kernel(std::array::from_fn(tap));
                    let places = row[output..].iter_mut().step_by(self.outputs);
                    places.zip(sums).for_each(|(place, sum)| *place = sum);
                }
            }
        });
        let rows: Vec<usize> = (0..self.inputs).map(|input| input * row).collect();
        Spread(std::array::from_fn(|sum| {
            let source = &spread[sum * self.outputs..];
            Panels::new(workers, source, &rows, self.outputs, 1, widest())
        }))
    }

    /// The outputs of some images.
    pub(crate) fn forward(&self, workers: &Workers, weights: &Spread, x: &[f32], y: &mut [f32]) {
        let frame = self.output_frame();
        let x = self.input_frame().around(workers, x);
        if frame.is_bare() {
            return self.outputs(workers, weights, &x, y);
        }
        let mut framed = workers
            .memory()
            .numbers(y.len() / frame.image() * frame.numbers());
        self.outputs(workers, weights, &x, &mut framed);
        frame.take_out(&framed, y);
    }

    /// The outputs of framed images, framed.
    fn outputs(&self, workers: &Workers, weights: &Spread, x: &[f32], y: &mut [f32]) {
        let mut patches = workers.memory().numbers(SUMS * TILES * self.inputs);
        let mut products = workers.memory().numbers(SUMS * TILES * self.outputs);
        for tiles in self.blocks(x) {
            let count = tiles.len();
            Arch::new().dispatch(Patches {
                places: Places::of(self.input_frame(), self.tiles(), &tiles),
                numbers: x,
                sums: &mut patches,
            });
            for (kind, matrix) in weights.0.iter().enumerate() {
                Product {
                    input: &patches,
                    from: of_kind(kind, self.inputs),
                    segments: &[channels(self.inputs)],
                    matrix,
                    bias: None,
                    output: &mut products,
                    to: of_kind(kind, self.outputs),
                    rows: count,
                }
                .compute();
            }
            Arch::new().dispatch(Outputs {
                places: Places::of(self.output_frame(), self.tiles(), &tiles),
                numbers: y,
                sums: &products,
            });
        }
    }

    /// What some images contribute to the gradient of the weights, spread out.
    pub(crate) fn weight_sums(&self, workers: &Workers, x: &[f32], dy: &[f32]) -> Numbers {
        let frame = self.output_frame();
        let x = self.input_frame().around(workers, x);
        if frame.is_bare() {
            return self.sums(workers, &x, dy);
        }
        self.sums(workers, &x, &frame.around(workers, dy))
    }

    /// As [`Winograd::weight_sums`], of framed images and errors.
    fn sums(&self, workers: &Workers, x: &[f32], dy: &[f32]) -> Numbers {
        let mut patches = workers.memory().numbers(SUMS * TILES * self.inputs);
        let mut errors = workers.memory().numbers(SUMS * TILES * self.outputs);
        let weights = self.inputs * self.outputs;
        let mut sums = workers.memory().zeros(SUMS * weights);
        for tiles in self.blocks(x) {
            let count = tiles.len();
            Arch::new().dispatch(Patches {
                places: Places::of(self.input_frame(), self.tiles(), &tiles),
                numbers: x,
                sums: &mut patches,
            });
            Arch::new().dispatch(Errors {
                places: Places::of(self.output_frame(), self.tiles(), &tiles),
                numbers: dy,
                sums: &mut errors,
            });
            for (kind, sums) in sums.chunks_exact_mut(weights).enumerate() {
                Correlation {
                    input: &patches,
                    from: of_kind(kind, self.inputs),
                    segments: &[channels(self.inputs)],
                    errors: &errors,
                    at: of_kind(kind, self.outputs),
                    rows: count,
                    columns: self.outputs,
                    sums,
                }
                .accumulate();
            }
        }
        sums
    }

    /// The tiles of framed images, as many as are worked on at once.
    fn blocks(&self, x: &[f32]) -> impl Iterator<Item = Range<usize>> {
        let [rows, columns] = self.tiles();
        let tiles = x.len() / self.input_frame().numbers() * rows * columns;
        let block = move |first| first..tiles.min(first + TILES);
        (0..tiles).step_by(TILES).map(block)
    }

    /// The gradient of the weights from what all images contribute.
    pub(crate) fn weight_gradient(&self, sums: &[f32], dw: &mut [f32]) {
        let weights = self.inputs * self.outputs;
        for (kernel, dw) in dw.chunks_exact_mut(9).enumerate() {
            let (output, input) = (kernel / self.inputs, kernel % self.inputs);
            let at = input * self.outputs + output;
            let sums = std::array::from_fn(|sum| sums[sum * weights + at]);
            dw.copy_from_slice(&gather_kernel(sums));
        }
    }
}

/// All channels of a position.
fn channels(length: usize) -> Segment {
    Segment { offset: 0, length }
}

/// Where the sums of one kind lie, tile by tile.
fn of_kind(kind: usize, channels: usize) -> Lattice {
    Lattice::line(kind * channels, SUMS * channels)
}

/// `G g Gᵀ` of a kernel.
fn spread_kernel(g: [f32; 9]) -> [f32; SUMS] {
    let one = |a: f32, b: f32, c: f32| {
        let (ends, middle) = ((a + c) * 0.5, b * 0.5);
        [a, ends + middle, ends - middle, c]
    };
    let columns: [[f32; 4]; 3] = std::array::from_fn(|j| one(g[j], g[3 + j], g[6 + j]));
    let row = |i: usize| one(columns[0][i], columns[1][i], columns[2][i]);
    let rows: [[f32; 4]; 4] = std::array::from_fn(row);
    std::array::from_fn(|sum| rows[sum / 4][sum % 4])
}

/// `Gᵀ s G`: the gradient of a kernel from those of its sums.
fn gather_kernel(s: [f32; SUMS]) -> [f32; 9] {
    let one = |a: f32, b: f32, c: f32, d: f32| {
        let (sum, difference) = ((b + c) * 0.5, (b - c) * 0.5);
        [a + sum, difference, sum + d]
    };
    let column = |j: usize| one(s[j], s[4 + j], s[8 + j], s[12 + j]);
    let columns: [[f32; 3]; 4] = std::array::from_fn(column);
    let row = |i: usize| one(columns[0][i], columns[1][i], columns[2][i], columns[3][i]);
    let rows: [[f32; 3]; 3] = std::array::from_fn(row);
    std::array::from_fn(|tap| rows[tap / 3][tap % 3])
}

/// Where tiles begin in framed images, one after the other.
struct Places {
    channels: usize,
    /// Tiles of an image.
    tiles: [usize; 2],
    /// Numbers of a row of pixels.
    row: usize,
    /// Numbers between the last row of tiles of an image and the next image.
    between: usize,
    /// Tiles left to go through.
    left: usize,
    /// The row and column of the tile at hand within its image.
    at: [usize; 2],
    /// Where its row of tiles begins.
    start: usize,
}

impl Places {
    fn of(frame: Frame, tiles: [usize; 2], range: &Range<usize>) -> Self {
        let (row, column) = (range.start / tiles[1], range.start % tiles[1]);
        let (image, row) = (row / tiles[0], row % tiles[0]);
        Self {
            channels: frame.channels,
            tiles,
            row: frame.row(),
            between: (frame.framed[0] - 2 * tiles[0]) * frame.row(),
            left: range.len(),
            at: [row, column],
            start: image * frame.numbers() + 2 * row * frame.row(),
        }
    }

    /// Where the next tile begins.
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.start + 2 * self.at[1] * self.channels;
        self.at[1] += 1;
        if self.at[1] == self.tiles[1] {
            self.at = [self.at[0] + 1, 0];
            self.start += 2 * self.row;
        }
        if self.at[0] == self.tiles[0] {
            self.at[0] = 0;
            self.start += self.between;
        }
        Some(place)
    }
}

/// The same done to whole vectors of channels and to what is left of them.
macro_rules! each_lane {
    ($simd:expr, $S:ty, $channels:expr, $lane:ident => $do:expr) => {
        let whole = $channels / <$S>::F32_LANES;
        for first in 0..whole {
            let $lane = Lane::<true> {
                first: first * <$S>::F32_LANES,
                count: <$S>::F32_LANES,
            };
            $do;
        }
        if whole * <$S>::F32_LANES < $channels {
            let first = whole * <$S>::F32_LANES;
            let $lane = Lane::<false> {
                first,
                count: $channels - first,
            };
            $do;
        }
    };
}

/// `Bᵀ d B` of the patches of an input.
struct Patches<'a> {
    places: Places,
    numbers: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Patches<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (channels, row) = (self.places.channels, self.places.row);
        let mut tiles = self.sums.chunks_exact_mut(SUMS * channels);
        while let (Some(place), Some(sums)) = (self.places.next(), tiles.next()) {
            let d = &self.numbers[place..];
            each_lane!(simd, S, channels, lane => {
                let mut d = lane.load::<S, 4>(simd, d, row, channels);
                for i in 0..4 {
                    d[i] = spread_patch(simd, d[i]);
                }
                let mut d = transposed(d);
                for j in 0..4 {
                    d[j] = spread_patch(simd, d[j]);
                }
                lane.store(simd, sums, 4 * channels, channels, &transposed(d));
            });
        }
    }
}

/// `A e Aᵀ` of the errors of outputs.
struct Errors<'a> {
    places: Places,
    numbers: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Errors<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (channels, row) = (self.places.channels, self.places.row);
        let mut tiles = self.sums.chunks_exact_mut(SUMS * channels);
        while let (Some(place), Some(sums)) = (self.places.next(), tiles.next()) {
            let e = &self.numbers[place..];
            each_lane!(simd, S, channels, lane => {
                let e = lane.load::<S, 2>(simd, e, row, channels);
                let rows = [spread_error(simd, e[0]), spread_error(simd, e[1])];
                let mut columns = [rows[0]; 4];
                for j in 0..4 {
                    columns[j] = spread_error(simd, [rows[0][j], rows[1][j]]);
                }
                lane.store(simd, sums, 4 * channels, channels, &transposed(columns));
            });
        }
    }
}

/// `Aᵀ m A` of products.
struct Outputs<'a> {
    places: Places,
    numbers: &'a mut [f32],
    sums: &'a [f32],
}

impl WithSimd for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (channels, row) = (self.places.channels, self.places.row);
        let mut tiles = self.sums.chunks_exact(SUMS * channels);
        while let (Some(place), Some(sums)) = (self.places.next(), tiles.next()) {
            let y = &mut self.numbers[place..];
            each_lane!(simd, S, channels, lane => {
                let m = lane.load::<S, 4>(simd, sums, 4 * channels, channels);
                let mut rows = [[m[0][0]; 2]; 4];
                for i in 0..4 {
                    rows[i] = collect(simd, m[i]);
                }
                let mut y_of = [[m[0][0]; 2]; 2];
                for j in 0..2 {
                    let column = [rows[0][j], rows[1][j], rows[2][j], rows[3][j]];
                    let column = collect(simd, column);
                    y_of[0][j] = column[0];
                    y_of[1][j] = column[1];
                }
                lane.store(simd, y, row, channels, &y_of);
            });
        }
    }
}

/// A vector of channels, or what is left of one.
#[derive(Clone, Copy)]
struct Lane<const WHOLE: bool> {
    first: usize,
    count: usize,
}

impl<const WHOLE: bool> Lane<WHOLE> {
    /// Those of `N × N` pixels.
    #[inline(always)]
    fn load<S: Simd, const N: usize>(
        self,
        simd: S,
        numbers: &[f32],
        row: usize,
        channels: usize,
    ) -> [[S::f32s; N]; N] {
        let mut pixels = [[simd.splat_f32s(0.0); N]; N];
        for i in 0..N {
            for j in 0..N {
                let numbers = &numbers[i * row + j * channels + self.first..];
                pixels[i][j] = match WHOLE {
                    true => S::as_simd_f32s(&numbers[..S::F32_LANES]).0[0],
                    false => simd.partial_load_f32s(&numbers[..self.count]),
                };
            }
        }
        pixels
    }

    /// Writes those of `N × N` pixels.
    #[inline(always)]
    fn store<S: Simd, const N: usize>(
        self,
        simd: S,
        numbers: &mut [f32],
        row: usize,
        channels: usize,
        pixels: &[[S::f32s; N]; N],
    ) {
        for i in 0..N {
            for j in 0..N {
                let numbers = &mut numbers[i * row + j * channels + self.first..];
                match WHOLE {
                    true => S::as_mut_simd_f32s(&mut numbers[..S::F32_LANES]).0[0] = pixels[i][j],
                    false => simd.partial_store_f32s(&mut numbers[..self.count], pixels[i][j]),
                }
            }
        }
    }
}

/// One axis of `Bᵀ d B`.
#[inline(always)]
fn spread_patch<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [
        simd.sub_f32s(a, c),
        simd.add_f32s(b, c),
        simd.sub_f32s(c, b),
        simd.sub_f32s(b, d),
    ]
}

/// One axis of `A e Aᵀ`.
#[inline(always)]
fn spread_error<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
    [
        a,
        simd.add_f32s(a, b),
        simd.sub_f32s(a, b),
        simd.neg_f32s(b),
    ]
}

/// One axis of `Aᵀ m A`.
#[inline(always)]
fn collect<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
    [simd.add_f32s(a, sum), simd.sub_f32s(difference, d)]
}

#[inline(always)]
fn transposed<V: Copy>(rows: [[V; 4]; 4]) -> [[V; 4]; 4] {
    let mut columns = rows;
    for i in 0..4 {
        for j in 0..4 {
            columns[i][j] = rows[j][i];
        }
    }
    columns
}
