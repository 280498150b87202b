//! Gathered rows times a packed matrix: linear layers and convolutions, forward and for the
//! gradient of their input.

mod micro_kernels;

use pulp::{Simd, WithSimd};

use super::panels::{MAX_WIDTH, Panel, Panels};
use super::strided_rows::{Cursor, Segment, StridedRows, end_offset};
use crate::simd::instruction_set::dispatch;
use crate::threads::CACHE_LINE;
use micro_kernels::{EvenRows, GatheredRows, MATRIX_ROWS, MatrixInRegisters, PanelOperand};

/// `output[r, n] = bias[n] + Σ_k input(r)[k] · matrix[k, n]`, where `input(r)` concatenates the
/// `segments` of the input relative to position `r`.
pub struct Product<'a> {
    /// The input.
    pub input: &'a [f32],
    /// The position of each gathered row.
    pub from: StridedRows,
    /// The numbers of a row, relative to its position.
    pub segments: &'a [Segment],
    /// The matrix. It has at least as many rows as the segments have numbers; further rows are
    /// ignored.
    pub matrix: &'a Panels,
    /// Added to every row of the output, if present.
    pub bias: Option<&'a [f32]>,
    /// The output.
    pub output: &'a mut [f32],
    /// The position of each row of the output.
    pub to: StridedRows,
    /// The number of rows.
    pub rows: usize,
}

/// The width of panels for which the sums of several rows fit into this processor's registers.
pub fn panel_width() -> usize {
    struct PanelWidth;
    impl WithSimd for PanelWidth {
        type Output = usize;
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            match S::F32_LANES {
                16 => MAX_WIDTH,
                _ => CACHE_LINE,
            }
        }
    }
    dispatch(PanelWidth)
}

impl Product<'_> {
    /// Computes the product.
    ///
    /// # Panics
    /// When the input, the matrix, the bias or the output is too small for the rows and segments.
    pub fn compute(self) {
        let depth: usize = self.segments.iter().map(|segment| segment.length).sum();
        assert!(
            depth <= self.matrix.depth,
            "the segments have more numbers than the matrix has rows"
        );
        assert!(
            end_offset(&self.from, self.rows, self.segments) <= self.input.len(),
            "the input ends before the last segment"
        );
        assert!(
            self.bias
                .is_none_or(|bias| bias.len() == self.matrix.columns),
            "the bias has not one number per column"
        );
        if self.rows > 0 {
            dispatch(self);
        }
    }

    /// Whether all rows, of input and output, are evenly spaced.
    fn is_evenly_spaced(&self) -> bool {
        self.from.columns.min(self.to.columns) >= self.rows
    }

    /// Columns of a panel without its padding.
    fn width(&self, panel: &Panel) -> usize {
        panel.width.min(self.matrix.columns - panel.column)
    }

    /// Whether a panel of one vector fits into registers as a whole: it has [`MATRIX_ROWS`] rows.
    fn fits_registers(&self) -> bool {
        let [segment] = self.segments else {
            return false;
        };
        self.is_evenly_spaced() && segment.length == MATRIX_ROWS && self.bias.is_none()
    }

    /// Multiplies all rows by one panel that fits into registers.
    #[inline(always)]
    fn multiply_in_registers<S: Simd>(&mut self, simd: S, panel: &Panel) {
        let width = self.width(panel);
        simd.vectorize(MatrixInRegisters {
            input: self.input,
            from: self.from.origin + self.segments[0].offset,
            input_stride: self.from.column_stride,
            matrix: self.matrix.numbers_of(panel),
            output: &mut *self.output,
            to: self.to.origin + panel.column,
            output_stride: self.to.column_stride,
            rows: self.rows,
            width,
        });
    }

    /// Multiplies all rows by one panel of `V` vectors, `P` rows at a time.
    #[inline(always)]
    fn multiply<S: Simd, const P: usize, const V: usize>(&mut self, simd: S, panel: &Panel) {
        let (width, evenly_spaced) = (self.width(panel), self.is_evenly_spaced());
        let matrix = PanelOperand {
            segments: self.segments,
            numbers: self.matrix.numbers_of(panel),
            bias: self.bias.map(|bias| &bias[panel.column..][..width]),
        };
        let (input, output) = (self.input, &mut *self.output);
        let (mut source, mut target) = (Cursor::new(&self.from), Cursor::new(&self.to));
        let mut first = 0;
        if evenly_spaced {
            first = self.rows / P * P;
            simd.vectorize(EvenRows::<P, V> {
                matrix,
                input,
                from: self.from.origin,
                input_stride: self.from.column_stride,
                output,
                to: self.to.origin + panel.column,
                output_stride: self.to.column_stride,
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
            simd.vectorize(GatheredRows::<P, V> {
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
                (16, 64) => self.multiply::<S, 6, 4>(simd, panel),
                (16, 32) => self.multiply::<S, 12, 2>(simd, panel),
                (16, 16) if self.fits_registers() => self.multiply_in_registers(simd, panel),
                (16, _) => self.multiply::<S, 14, 1>(simd, panel),
                (8, _) => self.multiply::<S, 6, 2>(simd, panel),
                (4, _) => self.multiply::<S, 4, 4>(simd, panel),
                (2, _) => self.multiply::<S, 2, 8>(simd, panel),
                _ => self.multiply::<S, 1, 16>(simd, panel),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::matmul::tests::numbers;
    use crate::threads::ThreadPool;

    #[test]
    fn products_of_any_shape_match_the_definition() {
        let depths = [1, 15, MATRIX_ROWS, 17, 33];
        let columns = [1, 15, 16, 17, 32, 48, 64, 80];
        for (depth, columns) in depths.into_iter().flat_map(|k| columns.map(|n| (k, n))) {
            for (rows, bias) in [(0, false), (1, true), (4, false), (7, false), (31, true)] {
                check(depth, columns, rows, bias);
            }
        }
    }

    fn check(depth: usize, columns: usize, rows: usize, bias: bool) {
        // Rows with gaps between them.
        let (from, to) = (depth + 3, columns + 2);
        let (input, source) = (numbers(rows * from + 5), numbers(depth * columns));
        let starts: Vec<usize> = (0..depth).map(|k| k * columns).collect();
        let matrix = Panels::new(
            &ThreadPool::single(),
            &source,
            &starts,
            columns,
            1,
            panel_width(),
        );
        let bias = bias.then(|| numbers(columns));
        let mut output = vec![f32::NAN; rows * to];
        Product {
            input: &input,
            from: StridedRows::evenly_spaced(2, from),
            segments: &[Segment {
                offset: 3,
                length: depth,
            }],
            matrix: &matrix,
            bias: bias.as_deref(),
            output: &mut output,
            to: StridedRows::evenly_spaced(0, to),
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
                "gaps between rows are not written"
            );
        }
    }
}
