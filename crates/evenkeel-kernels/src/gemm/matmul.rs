//! Products of matrices without packing: for a matrix that is used once, packing it for
//! [`Product`](crate::gemm::product::Product) would take a tenth of the time.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "a bounds check would take longer than the product"
)]

use pulp::{Simd, WithSimd};

use crate::simd::instruction_set::dispatch;
use crate::simd::prefetch::prefetch_at;
use crate::simd::registers::{load, store};

/// The left operand: its numbers are broadcast one by one.
#[derive(Debug, Clone, Copy)]
pub struct Factors<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// Their order in memory.
    pub order: Order,
    /// Distance between consecutive rows, or columns in column-major order.
    pub stride: usize,
}

/// The order of a matrix in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The numbers of a row are adjacent.
    RowMajor,
    /// The numbers of a column are adjacent.
    ColumnMajor,
}

impl Order {
    /// The distances between rows and between columns.
    #[inline(always)]
    fn strides(self, stride: usize) -> [usize; 2] {
        match self {
            Self::RowMajor => [stride, 1],
            Self::ColumnMajor => [1, stride],
        }
    }
}

/// The right operand: a row-major matrix whose rows are read as vectors.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// Distance between consecutive rows.
    pub stride: usize,
    /// The number of columns.
    pub width: usize,
}

/// The result: a row-major matrix.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// The numbers.
    pub numbers: &'a mut [f32],
    /// Distance between consecutive rows.
    pub stride: usize,
    /// The number of rows.
    pub count: usize,
}

/// Computes `c[m, n] = Σ_k a[m, k] · b[k, n]` for `k < terms`.
///
/// # Panics
/// When a matrix is too small.
pub fn multiply(a: Factors, b: Rows, terms: usize, c: RowsMut) {
    let end = |count: usize, stride: usize| count.saturating_sub(1) * stride;
    if c.count == 0 || b.width == 0 {
        return;
    }
    assert!(
        end(c.count, c.stride) + b.width <= c.numbers.len(),
        "the result has too little room"
    );
    if terms > 0 {
        let [row, column] = a.order.strides(a.stride);
        let last = end(c.count, row) + end(terms, column);
        assert!(last < a.numbers.len(), "the left matrix is too small");
        assert!(
            end(terms, b.stride) + b.width <= b.numbers.len(),
            "the right matrix is too small"
        );
    }
    dispatch(Multiply { a, b, terms, c });
}

/// Rows of a column-major left operand that are prefetched ahead; tasks should have as many.
pub(crate) const PREFETCH_DISTANCE: usize = 32;

struct Multiply<'a> {
    a: Factors<'a>,
    b: Rows<'a>,
    terms: usize,
    c: RowsMut<'a>,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match self.a.order {
            Order::RowMajor => self.panels::<S, true>(simd),
            Order::ColumnMajor => self.panels::<S, false>(simd),
        }
    }
}

impl Multiply<'_> {
    /// Computes all columns of the result. `ROW_MAJOR` is the order of the left operand.
    #[inline(always)]
    fn panels<S: Simd, const ROW_MAJOR: bool>(&mut self, simd: S) {
        let wide = 2 * S::F32_LANES;
        let whole = self.b.width / wide * wide;
        for first in (0..whole).step_by(wide) {
            match S::F32_LANES {
                16 => self.panel::<S, 12, 2, ROW_MAJOR>(simd, first),
                8 => self.panel::<S, 6, 2, ROW_MAJOR>(simd, first),
                _ => self.panel::<S, 4, 2, ROW_MAJOR>(simd, first),
            }
        }
        for first in (whole..self.b.width).step_by(S::F32_LANES) {
            self.panel::<S, 8, 1, ROW_MAJOR>(simd, first);
        }
    }

    /// Computes `V` vectors of columns, `P` rows at a time and the last rows in smaller tiles.
    #[inline(always)]
    fn panel<S: Simd, const P: usize, const V: usize, const ROW_MAJOR: bool>(
        &mut self,
        simd: S,
        column: usize,
    ) {
        let mut row = 0;
        while row < self.c.count {
            row += match self.c.count - row {
                rest if rest >= P => self.tile::<S, P, V, ROW_MAJOR>(simd, row, column),
                rest if rest >= 8 && P > 8 => self.tile::<S, 8, V, ROW_MAJOR>(simd, row, column),
                rest if rest >= 4 && P > 4 => self.tile::<S, 4, V, ROW_MAJOR>(simd, row, column),
                rest if rest >= 2 => self.tile::<S, 2, V, ROW_MAJOR>(simd, row, column),
                _ => self.tile::<S, 1, V, ROW_MAJOR>(simd, row, column),
            };
        }
    }

    /// Computes a tile; returns its number of rows, `P`.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const V: usize, const ROW_MAJOR: bool>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) -> usize {
        let of = self;
        match of.b.width - column >= V * S::F32_LANES {
            true => simd.vectorize(Tile::<P, V, ROW_MAJOR, true> { of, row, column }),
            false => simd.vectorize(Tile::<P, V, ROW_MAJOR, false> { of, row, column }),
        }
        P
    }
}

/// Computes `P` rows and `V` vectors of columns; `WHOLE` if all these columns exist. A function of
/// its own because the compiler keeps sums in registers only in functions of this size.
struct Tile<'a, 'b, const P: usize, const V: usize, const ROW_MAJOR: bool, const WHOLE: bool> {
    of: &'a mut Multiply<'b>,
    row: usize,
    column: usize,
}

impl<const P: usize, const V: usize, const ROW_MAJOR: bool, const WHOLE: bool> WithSimd
    for Tile<'_, '_, P, V, ROW_MAJOR, WHOLE>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (terms, [row, _]) = (self.of.terms, self.strides());
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        // Only every third row has an address of its own; the two after it are reached by the
        // stride.
        let mut places = [self.row * row; P];
        for p in 0..P {
            places[p] += p * row;
        }
        let mut at = self.column;
        for _ in 0..terms {
            self.add(simd, &mut places, &mut at, &mut sums);
        }
        let c = &mut self.of.c;
        let width = (V * S::F32_LANES).min(self.of.b.width - self.column);
        for p in 0..P {
            let start = (self.row + p) * c.stride + self.column;
            store(simd, &mut c.numbers[start..][..width], sums[p]);
        }
    }
}

impl<const P: usize, const V: usize, const ROW_MAJOR: bool, const WHOLE: bool>
    Tile<'_, '_, P, V, ROW_MAJOR, WHOLE>
{
    /// As [`Order::strides`].
    #[inline(always)]
    fn strides(&self) -> [usize; 2] {
        let order = match ROW_MAJOR {
            true => Order::RowMajor,
            false => Order::ColumnMajor,
        };
        order.strides(self.of.a.stride)
    }

    /// Adds one term to the sums. If it were unrolled over `k`, the compiler would load all factors
    /// first and have no registers left for the sums.
    #[inline(always)]
    fn add<S: Simd>(
        &self,
        simd: S,
        places: &mut [usize; P],
        at: &mut usize,
        sums: &mut [[S::f32s; V]; P],
    ) {
        let Multiply { a, b, .. } = &*self.of;
        let [row, column] = self.strides();
        let width = (V * S::F32_LANES).min(b.width - self.column);
        let numbers: [S::f32s; V] = match WHOLE {
            // SAFETY: `multiply` has checked that all columns of all rows lie within `b`.
            true => std::array::from_fn(|v| unsafe {
                let start = b.numbers.as_ptr().add(*at).cast::<S::f32s>();
                start.add(v).read_unaligned()
            }),
            false => load(simd, &b.numbers[*at..][..width]),
        };
        if !ROW_MAJOR {
            // The rows of the next task: the hardware prefetcher does not detect strides this long.
            prefetch_at(
                a.numbers
                    .as_ptr()
                    .wrapping_add(places[0] + PREFETCH_DISTANCE),
            );
        }
        for p in 0..P {
            // SAFETY: `multiply` has checked that the last number lies within `a`.
            let factor = unsafe { *a.numbers.get_unchecked(places[p / 3 * 3] + p % 3 * row) };
            let factor = simd.splat_f32s(factor);
            for v in 0..V {
                sums[p][v] = simd.mul_add_e_f32s(factor, numbers[v], sums[p][v]);
            }
        }
        *at += b.stride;
        for p in (0..P).step_by(3) {
            places[p] += column;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Small integers, whose sums are exact.
    pub(crate) fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 7 % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn products_of_any_shape_match_the_definition() {
        for (count, terms, width) in [
            (1, 1, 1),
            (13, 5, 33),
            (12, 3, 32),
            (7, 0, 5),
            (0, 2, 3),
            (2, 2, 0),
            (31, 4, 70),
        ] {
            // With gaps between rows, in either order.
            for (order, stride) in [
                (Order::RowMajor, terms + 1),
                (Order::ColumnMajor, count + 2),
            ] {
                let [row, column] = order.strides(stride);
                let (a, b) = (
                    numbers(count * row + terms * column + 1),
                    numbers(terms * (width + 3)),
                );
                let mut c = vec![f32::NAN; count * (width + 1)];
                let factors = Factors {
                    numbers: &a,
                    order,
                    stride,
                };
                let rows = Rows {
                    numbers: &b,
                    stride: width + 3,
                    width,
                };
                let into = RowsMut {
                    numbers: &mut c,
                    stride: width + 1,
                    count,
                };
                multiply(factors, rows, terms, into);
                for (m, c) in c.chunks_exact(width + 1).enumerate() {
                    for (n, c) in c[..width].iter().enumerate() {
                        let term = |k: usize| a[m * row + k * column] * b[k * (width + 3) + n];
                        assert_eq!(*c, (0..terms).map(term).sum(), "{count} {terms} {width}");
                    }
                    assert!(c[width].is_nan(), "gaps between rows are not written");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "too little room")]
    fn a_result_without_enough_room_panics() {
        let numbers = [1.0; 4];
        let a = Factors {
            numbers: &numbers,
            order: Order::RowMajor,
            stride: 2,
        };
        let b = Rows {
            numbers: &numbers,
            stride: 2,
            width: 2,
        };
        let c = RowsMut {
            numbers: &mut [0.0; 3],
            stride: 2,
            count: 2,
        };
        multiply(a, b, 2, c);
    }
}
