//! Products of matrices where they lie: for those that are used once, laying them out as
//! [`Product`](crate::product::Product) has them would take a tenth of the time.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and their sums stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "a bounds check would take longer than the product"
)]

use pulp::{Simd, WithSimd};

use crate::ahead::ask_at;
use crate::product::{store, vectors};
use crate::vectors::dispatch;

/// A matrix whose numbers are read one by one.
#[derive(Debug, Clone, Copy)]
pub struct Factors<'a> {
    /// Its numbers.
    pub numbers: &'a [f32],
    /// How they lie.
    pub order: Order,
    /// From one row of the memory to the next.
    pub distance: usize,
}

/// What lies side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The numbers of a row.
    Rows,
    /// The numbers of a column.
    Columns,
}

impl Order {
    /// How far it is from a row to the next and from a column to the next.
    #[inline(always)]
    fn steps(self, distance: usize) -> [usize; 2] {
        match self {
            Self::Rows => [distance, 1],
            Self::Columns => [1, distance],
        }
    }
}

/// A matrix whose rows lie side by side, and are read in vectors.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Its numbers.
    pub numbers: &'a [f32],
    /// From one row to the next.
    pub row: usize,
    /// Numbers of a row that count.
    pub width: usize,
}

/// The same to write to.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// Its numbers.
    pub numbers: &'a mut [f32],
    /// From one row to the next.
    pub row: usize,
    /// How many rows.
    pub count: usize,
}

/// `c[m, n] = Σ_k a[m, k] · b[k, n]` with `k` below `terms`.
///
/// # Panics
/// When any of the matrices is smaller than that.
pub fn multiply(a: Factors, b: Rows, terms: usize, c: RowsMut) {
    let end = |count: usize, distance: usize| count.saturating_sub(1) * distance;
    if c.count == 0 || b.width == 0 {
        return;
    }
    assert!(end(c.count, c.row) + b.width <= c.numbers.len(), "c");
    if terms > 0 {
        let [row, column] = a.order.steps(a.distance);
        let last = end(c.count, row) + end(terms, column);
        assert!(last < a.numbers.len(), "a");
        assert!(end(terms, b.row) + b.width <= b.numbers.len(), "b");
    }
    dispatch(Multiply { a, b, terms, c });
}

/// How many columns ahead is asked for, where columns are read one by one: as many as a piece of work should have.
pub(crate) const AHEAD: usize = 32;

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
            Order::Rows => self.panels::<S, true>(simd),
            Order::Columns => self.panels::<S, false>(simd),
        }
    }
}

impl Multiply<'_> {
    /// All columns of the result. `ROWS` as in [`Order::Rows`].
    #[inline(always)]
    fn panels<S: Simd, const ROWS: bool>(&mut self, simd: S) {
        let wide = 2 * S::F32_LANES;
        let whole = self.b.width / wide * wide;
        for first in (0..whole).step_by(wide) {
            match S::F32_LANES {
                16 => self.panel::<S, 12, 2, ROWS>(simd, first),
                8 => self.panel::<S, 6, 2, ROWS>(simd, first),
                _ => self.panel::<S, 4, 2, ROWS>(simd, first),
            }
        }
        for first in (whole..self.b.width).step_by(S::F32_LANES) {
            self.panel::<S, 8, 1, ROWS>(simd, first);
        }
    }

    /// `V` vectors of columns, `P` rows at a time and the last ones in few goes.
    #[inline(always)]
    fn panel<S: Simd, const P: usize, const V: usize, const ROWS: bool>(
        &mut self,
        simd: S,
        column: usize,
    ) {
        let mut row = 0;
        while row < self.c.count {
            row += match self.c.count - row {
                rest if rest >= P => self.tile::<S, P, V, ROWS>(simd, row, column),
                rest if rest >= 8 && P > 8 => self.tile::<S, 8, V, ROWS>(simd, row, column),
                rest if rest >= 4 && P > 4 => self.tile::<S, 4, V, ROWS>(simd, row, column),
                rest if rest >= 2 => self.tile::<S, 2, V, ROWS>(simd, row, column),
                _ => self.tile::<S, 1, V, ROWS>(simd, row, column),
            };
        }
    }

    /// Returns `P`.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const V: usize, const ROWS: bool>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) -> usize {
        let of = self;
        match of.b.width - column >= V * S::F32_LANES {
            true => simd.vectorize(Tile::<P, V, ROWS, true> { of, row, column }),
            false => simd.vectorize(Tile::<P, V, ROWS, false> { of, row, column }),
        }
        P
    }
}

/// `P` rows and `V` vectors of columns, `WHOLE` where all of these are there. A function by itself: the
/// compiler keeps sums in registers in functions of this size only.
struct Tile<'a, 'b, const P: usize, const V: usize, const ROWS: bool, const WHOLE: bool> {
    of: &'a mut Multiply<'b>,
    row: usize,
    column: usize,
}

impl<const P: usize, const V: usize, const ROWS: bool, const WHOLE: bool> WithSimd
    for Tile<'_, '_, P, V, ROWS, WHOLE>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (terms, [row, _]) = (self.of.terms, self.steps());
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        // Every third row's place is kept, and those behind it follow at a distance: few registers do.
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
            let start = (self.row + p) * c.row + self.column;
            store(simd, &mut c.numbers[start..][..width], sums[p]);
        }
    }
}

impl<const P: usize, const V: usize, const ROWS: bool, const WHOLE: bool>
    Tile<'_, '_, P, V, ROWS, WHOLE>
{
    /// As [`Order::steps`].
    #[inline(always)]
    fn steps(&self) -> [usize; 2] {
        let order = if ROWS { Order::Rows } else { Order::Columns };
        order.steps(self.of.a.distance)
    }

    /// Adds a term to the sums. Of several at a time the compiler would load all factors first, and then have
    /// no registers left for the sums.
    #[inline(always)]
    fn add<S: Simd>(
        &self,
        simd: S,
        places: &mut [usize; P],
        at: &mut usize,
        sums: &mut [[S::f32s; V]; P],
    ) {
        let Multiply { a, b, .. } = &*self.of;
        let [row, column] = self.steps();
        let width = (V * S::F32_LANES).min(b.width - self.column);
        let numbers: [S::f32s; V] = match WHOLE {
            // SAFETY: `multiply` has checked that all columns of all rows lie within `b`.
            true => std::array::from_fn(|v| unsafe {
                let start = b.numbers.as_ptr().add(*at).cast::<S::f32s>();
                start.add(v).read_unaligned()
            }),
            false => vectors(simd, &b.numbers[*at..][..width]),
        };
        if !ROWS {
            // The columns that are likely to be next: of rows this far apart the processor sees none coming.
            ask_at(a.numbers.as_ptr().wrapping_add(places[0] + AHEAD));
        }
        for p in 0..P {
            // SAFETY: `multiply` has checked that the last number lies within `a`.
            let factor = unsafe { *a.numbers.get_unchecked(places[p / 3 * 3] + p % 3 * row) };
            let factor = simd.splat_f32s(factor);
            for v in 0..V {
                sums[p][v] = simd.mul_add_e_f32s(factor, numbers[v], sums[p][v]);
            }
        }
        *at += b.row;
        for p in (0..P).step_by(3) {
            places[p] += column;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Whole numbers, whose sums are not rounded.
    pub(crate) fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 7 % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn products_of_any_shape_are_what_is_written_out() {
        for (count, terms, width) in [
            (1, 1, 1),
            (13, 5, 33),
            (12, 3, 32),
            (7, 0, 5),
            (0, 2, 3),
            (2, 2, 0),
            (31, 4, 70),
        ] {
            // Rows further apart than they are long, of either kind.
            for (order, distance) in [(Order::Rows, terms + 1), (Order::Columns, count + 2)] {
                let [row, column] = order.steps(distance);
                let (a, b) = (
                    numbers(count * row + terms * column + 1),
                    numbers(terms * (width + 3)),
                );
                let mut c = vec![f32::NAN; count * (width + 1)];
                let factors = Factors {
                    numbers: &a,
                    order,
                    distance,
                };
                let rows = Rows {
                    numbers: &b,
                    row: width + 3,
                    width,
                };
                let into = RowsMut {
                    numbers: &mut c,
                    row: width + 1,
                    count,
                };
                multiply(factors, rows, terms, into);
                for (m, c) in c.chunks_exact(width + 1).enumerate() {
                    for (n, c) in c[..width].iter().enumerate() {
                        let term = |k: usize| a[m * row + k * column] * b[k * (width + 3) + n];
                        assert_eq!(*c, (0..terms).map(term).sum(), "{count} {terms} {width}");
                    }
                    assert!(c[width].is_nan(), "nothing is written between rows");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "c")]
    fn a_result_that_has_no_room_is_refused() {
        let numbers = [1.0; 4];
        let a = Factors {
            numbers: &numbers,
            order: Order::Rows,
            distance: 2,
        };
        let b = Rows {
            numbers: &numbers,
            row: 2,
            width: 2,
        };
        let c = RowsMut {
            numbers: &mut [0.0; 3],
            row: 2,
            count: 2,
        };
        multiply(a, b, 2, c);
    }
}
