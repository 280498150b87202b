//! Rows gathered from all over an input, times a matrix: what a linear layer and a convolution
//! compute, forward and towards their input.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "a bounds check would take longer than the product"
)]

use pulp::{Simd, WithSimd};

use crate::lattice::{Lattice, Segment, Walk, reach};
use crate::memory::LINE;
use crate::panels::{Panel, Panels, WIDEST};
use crate::vectors::dispatch;

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
    dispatch(Widest)
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
            dispatch(self);
        }
    }

    /// Whether all rows are at one distance from each other.
    fn is_line(&self) -> bool {
        self.from.columns.min(self.to.columns) >= self.rows
    }

    /// Columns of a panel that the matrix has.
    fn width(&self, panel: &Panel) -> usize {
        panel.width.min(self.matrix.columns - panel.column)
    }

    /// Whether the matrix fits into registers: as many rows as [`HELD`], and a vector of columns.
    fn fits(&self) -> bool {
        let [segment] = self.segments else {
            return false;
        };
        self.is_line() && segment.length == HELD && self.bias.is_none()
    }

    /// All rows of one panel of a matrix that does.
    #[inline(always)]
    fn held<S: Simd>(&mut self, simd: S, panel: &Panel) {
        let width = self.width(panel);
        simd.vectorize(Held {
            input: self.input,
            from: self.from.origin + self.segments[0].offset,
            source: self.from.column,
            matrix: self.matrix.of(panel),
            output: &mut *self.output,
            to: self.to.origin + panel.column,
            target: self.to.column,
            rows: self.rows,
            width,
        });
    }

    /// All rows of one panel, `P` at a time, `V` vectors wide.
    #[inline(always)]
    fn panel<S: Simd, const P: usize, const V: usize>(&mut self, simd: S, panel: &Panel) {
        let (width, line) = (self.width(panel), self.is_line());
        let matrix = Matrix {
            segments: self.segments,
            numbers: self.matrix.of(panel),
            bias: self.bias.map(|bias| &bias[panel.column..][..width]),
        };
        let (input, output) = (self.input, &mut *self.output);
        let (mut source, mut target) = (Walk::along(&self.from), Walk::along(&self.to));
        let mut first = 0;
        if line {
            first = self.rows / P * P;
            simd.vectorize(Line::<P, V> {
                matrix,
                input,
                from: self.from.origin,
                source: self.from.column,
                output,
                to: self.to.origin + panel.column,
                target: self.to.column,
                tiles: self.rows / P,
                width,
            });
            source.skip_in_row(first);
            target.skip_in_row(first);
        }
        for first in (first..self.rows).step_by(P) {
            let count = P.min(self.rows - first);
            let (mut from, mut to) = ([source.at(); P], [0; P]);
            for p in 0..count {
                (from[p], to[p]) = (source.at(), target.at() + panel.column);
                source.step();
                target.step();
            }
            simd.vectorize(Tile::<P, V> {
                matrix,
                input,
                from,
                output,
                to: &to[..count],
                width,
            });
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
                (16, 16) if self.fits() => self.held(simd, panel),
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
pub(crate) fn vectors<S: Simd, const V: usize>(simd: S, numbers: &[f32]) -> [S::f32s; V] {
    if let Some(vectors) = S::as_simd_f32s(numbers).0.first_chunk()
        && numbers.len() == V * S::F32_LANES
    {
        return *vectors;
    }
    std::array::from_fn(|v| {
        let from = (v * S::F32_LANES).min(numbers.len());
        let to = (from + S::F32_LANES).min(numbers.len());
        simd.partial_load_f32s(&numbers[from..to])
    })
}

/// Writes as many numbers as there is room for. Vectors are named one by one: of a slice of them the
/// compiler would want to have the address, and keep them in memory from the start.
#[inline(always)]
pub(crate) fn store<S: Simd, const V: usize>(simd: S, output: &mut [f32], sums: [S::f32s; V]) {
    if output.len() == V * S::F32_LANES {
        let vectors = S::as_mut_simd_f32s(output).0;
        #[allow(clippy::manual_memcpy, reason = "a copy would have them in memory")]
        for v in 0..V {
            vectors[v] = sums[v];
        }
        return;
    }
    for v in 0..V {
        let first = (v * S::F32_LANES).min(output.len());
        let end = (first + S::F32_LANES).min(output.len());
        simd.partial_store_f32s(&mut output[first..end], sums[v]);
    }
}

/// A panel with what it is multiplied by.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    segments: &'a [Segment],
    numbers: &'a [f32],
    bias: Option<&'a [f32]>,
}

/// Terms of the sums that are added a turn, for which it is worked out once where rows begin.
const TERMS: usize = 4;

/// Whether so many terms have no room: the compiler fetches all their factors first, those that meet several vectors
/// need a register each, and many rows leave none.
const fn spills(rows: usize, vectors: usize) -> bool {
    vectors > 1 && rows > 6
}

/// `P` rows of input. In a `LINE` every third row's place is looked up, and those behind it follow at a distance, so
/// that few registers say where they all are.
struct Rows<'a, const P: usize, const LINE: bool> {
    input: &'a [f32],
    places: [usize; P],
    distance: usize,
}

impl<const P: usize, const LINE: bool> Rows<'_, P, LINE> {
    /// The number in row `p`, `k` behind its place.
    ///
    /// # Safety
    /// It must lie within the input.
    #[inline(always)]
    unsafe fn factor(&self, p: usize, k: usize) -> f32 {
        let place = match LINE {
            true => self.places[p / 3 * 3] + p % 3 * self.distance,
            false => self.places[p],
        };
        // SAFETY: the caller's promise.
        unsafe { *self.input.get_unchecked(place + k) }
    }

    /// Adds `TERMS` terms to the sums, from `k` on in the rows, and from vector `first` on in the matrix.
    ///
    /// # Safety
    /// They must lie within the input and the matrix.
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

impl Matrix<'_> {
    /// `P` rows times `V` vectors of columns.
    ///
    /// # Safety
    /// Every segment must lie within the input as seen from each place, and there must be as many times
    /// `V` vectors of numbers as the segments are long together.
    #[inline(always)]
    unsafe fn times<S: Simd, const P: usize, const V: usize, const LINE: bool>(
        &self,
        simd: S,
        input: &[f32],
        from: &[usize; P],
        distance: usize,
    ) -> [[S::f32s; V]; P] {
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        let numbers = S::as_simd_f32s(self.numbers).0;
        let mut first = 0;
        for segment in self.segments {
            let mut rows = Rows::<P, LINE> {
                input,
                places: *from,
                distance,
            };
            for p in 0..P {
                rows.places[p] += segment.offset;
            }
            let turns = match const { spills(P, V) } {
                true => 0,
                false => segment.length / TERMS * TERMS,
            };
            for k in (0..turns).step_by(TERMS) {
                // SAFETY: the caller's promise.
                unsafe { rows.add::<S, V, TERMS>(simd, numbers, k, first, &mut sums) };
                first += TERMS * V;
            }
            for k in turns..segment.length {
                // SAFETY: the caller's promise.
                unsafe { rows.add::<S, V, 1>(simd, numbers, k, first, &mut sums) };
                first += V;
            }
        }
        if let Some(bias) = self.bias {
            let bias: [S::f32s; V] = vectors(simd, bias);
            for p in 0..P {
                for v in 0..V {
                    sums[p][v] = simd.add_f32s(sums[p][v], bias[v]);
                }
            }
        }
        sums
    }
}

/// Rows at one distance from each other, `P` a tile. As [`Tile`], a function by itself: the compiler
/// keeps sums in registers in functions of this size only. Made by [`Product`] alone, which has checked
/// that what is read lies within input and matrix.
struct Line<'a, const P: usize, const V: usize> {
    matrix: Matrix<'a>,
    input: &'a [f32],
    from: usize,
    source: usize,
    output: &'a mut [f32],
    to: usize,
    target: usize,
    tiles: usize,
    width: usize,
}

impl<const P: usize, const V: usize> WithSimd for Line<'_, P, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (mut place, mut to) = (self.from, self.to);
        for _ in 0..self.tiles {
            let mut from = [place; P];
            for p in 0..P {
                from[p] += p * self.source;
            }
            // SAFETY: see above.
            let sums: [[S::f32s; V]; P] = unsafe {
                self.matrix
                    .times::<S, P, V, true>(simd, self.input, &from, self.source)
            };
            for p in 0..P {
                store(simd, &mut self.output[to..][..self.width], sums[p]);
                to += self.target;
            }
            place += P * self.source;
        }
    }
}

/// Rows of a matrix that registers hold, beside the sums of some rows of input.
const HELD: usize = 16;

/// Rows at one distance from each other, of `HELD` numbers each, times a matrix that stays in registers: of a single
/// vector of columns, every number of the input is needed once, and the matrix would be half of what is read. Made as
/// [`Line`] is.
struct Held<'a> {
    input: &'a [f32],
    from: usize,
    source: usize,
    matrix: &'a [f32],
    output: &'a mut [f32],
    to: usize,
    target: usize,
    rows: usize,
    width: usize,
}

impl Held<'_> {
    /// The next `P` rows.
    ///
    /// # Safety
    /// They must lie within the input.
    #[inline(always)]
    unsafe fn rows<S: Simd, const P: usize>(&mut self, simd: S, matrix: &[S::f32s; HELD]) {
        let mut sums = [simd.splat_f32s(0.0); P];
        // SAFETY: the caller's promise.
        let rows: [*const f32; P] = std::array::from_fn(|p| unsafe {
            self.input.as_ptr().add(self.from + p * self.source)
        });
        // Written out: a loop of this length is not unrolled, and then the matrix is in memory after all.
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
            let to = self.to + p * self.target;
            store(simd, &mut self.output[to..][..self.width], [sums[p]]);
        }
        self.from += P * self.source;
        self.to += P * self.target;
    }
}

impl WithSimd for Held<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Some(&matrix) = S::as_simd_f32s(self.matrix).0.first_chunk() else {
            unreachable!("`Product` has checked how deep the matrix is");
        };
        for _ in 0..self.rows / 4 {
            // SAFETY: as for `Line`.
            unsafe { self.rows::<S, 4>(simd, &matrix) };
        }
        for _ in 0..self.rows % 4 {
            // SAFETY: as for `Line`.
            unsafe { self.rows::<S, 1>(simd, &matrix) };
        }
    }
}

/// `P` rows anywhere, of which as many are kept as have somewhere to go to.
struct Tile<'a, const P: usize, const V: usize> {
    matrix: Matrix<'a>,
    input: &'a [f32],
    from: [usize; P],
    output: &'a mut [f32],
    to: &'a [usize],
    width: usize,
}

impl<const P: usize, const V: usize> WithSimd for Tile<'_, P, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: as for `Line`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matmul::tests::numbers;
    use crate::workers::Workers;

    #[test]
    fn products_of_any_shape_are_what_is_written_out() {
        let depths = [1, 15, HELD, 17, 33];
        let columns = [1, 15, 16, 17, 32, 48, 64, 80];
        for (depth, columns) in depths.into_iter().flat_map(|k| columns.map(|n| (k, n))) {
            for (rows, bias) in [(0, false), (1, true), (4, false), (7, false), (31, true)] {
                check(depth, columns, rows, bias);
            }
        }
    }

    fn check(depth: usize, columns: usize, rows: usize, bias: bool) {
        // Rows further apart than they are long.
        let (from, to) = (depth + 3, columns + 2);
        let (input, source) = (numbers(rows * from + 5), numbers(depth * columns));
        let starts: Vec<usize> = (0..depth).map(|k| k * columns).collect();
        let matrix = Panels::new(&Workers::one(), &source, &starts, columns, 1, widest());
        let bias = bias.then(|| numbers(columns));
        let mut output = vec![f32::NAN; rows * to];
        Product {
            input: &input,
            from: Lattice::line(2, from),
            segments: &[Segment {
                offset: 3,
                length: depth,
            }],
            matrix: &matrix,
            bias: bias.as_deref(),
            output: &mut output,
            to: Lattice::line(0, to),
            rows,
        }
        .compute();
        for (r, row) in output.chunks(to).enumerate() {
            let (y, between) = row.split_at(columns);
            for (n, y) in y.iter().enumerate() {
                let term = |k: usize| input[5 + r * from + k] * source[k * columns + n];
                let sum: f32 = (0..depth).map(term).sum();
                let expected = sum + bias.as_ref().map_or(0.0, |bias| bias[n]);
                assert_eq!(*y, expected, "{depth} {columns} {rows}: {r} {n}");
            }
            assert!(
                between.iter().all(|x| x.is_nan()),
                "nothing is written between rows"
            );
        }
    }
}
