//! Columns of a matrix of rows, a vector at a time.
//!
//! What is done to all columns of a row is a macro, no function of a closure: that would not be compiled for the
//! vectors at hand. Whole vectors are a loop of their own, in which nothing looks for the end of a row.

use pulp::Simd;

/// The places in the longest vector.
const PLACES: [f32; 16] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// Up to one vector of neighbouring columns.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    /// The first.
    pub(crate) first: usize,
    /// How many.
    pub(crate) count: usize,
}

/// Whole vectors of a row, and the columns behind them.
#[inline(always)]
pub(crate) fn parts<S: Simd>(_simd: S, features: usize) -> (usize, Option<Columns>) {
    let vectors = features / S::F32_LANES;
    let first = vectors * S::F32_LANES;
    let count = features - first;
    (vectors, (count > 0).then_some(Columns { first, count }))
}

/// Does something with all of so many columns, a vector at a time.
macro_rules! blocks {
    ($simd:expr, $S:ty, $features:expr, $block:ident => $body:block) => {{
        let (vectors, rest) = $crate::lanes::parts($simd, $features);
        for vector in 0..vectors {
            let $block = $crate::lanes::Columns {
                first: vector * <$S>::F32_LANES,
                count: <$S>::F32_LANES,
            };
            $body
        }
        if let Some($block) = rest {
            $body
        }
    }};
}
pub(crate) use blocks;

/// Does something with each row of so many numbers, and one of four sums that do not wait for each other.
macro_rules! each_row {
    ($length:expr, $width:expr, $row:ident, [$($sums:ident as $sum:ident),*] => $body:block) => {{
        let fours = $length / (4 * $width);
        for four in 0..fours {
            for turn in 0..4 {
                let $row = (4 * four + turn) * $width;
                $(let $sum = &mut $sums[turn];)*
                $body
            }
        }
        for turn in 0..$length / $width - 4 * fours {
            let $row = (4 * fours + turn) * $width;
            $(let $sum = &mut $sums[turn];)*
            $body
        }
    }};
}
pub(crate) use each_row;

/// Writes numbers of some rows, from those of some more that are at least as long, all at the same columns. The
/// rows that are written can be read too.
macro_rules! each {
    ($simd:expr, $S:ty, [$($row:ident),*] => [$first:ident $(, $out:ident)*] $numbers:expr) => {{
        let (vectors, rest) = $crate::lanes::parts($simd, $first.len());
        {
            $(let $row = &<$S>::as_simd_f32s($row).0[..vectors];)*
            let $first = &mut <$S>::as_mut_simd_f32s($first).0[..vectors];
            $(let $out = &mut <$S>::as_mut_simd_f32s($out).0[..vectors];)*
            for i in 0..vectors {
                let numbers = {
                    $(let $row = $row[i];)*
                    #[allow(unused_variables)]
                    let $first = $first[i];
                    $(#[allow(unused_variables)] let $out = $out[i];)*
                    $numbers
                };
                let place = 0;
                $first[i] = numbers[place];
                $(let place = place + 1; $out[i] = numbers[place];)*
            }
        }
        if let Some(rest) = rest {
            let numbers = {
                $(let $row = rest.load($simd, $row, 0);)*
                #[allow(unused_variables)]
                let $first = rest.load($simd, $first, 0);
                $(#[allow(unused_variables)] let $out = rest.load($simd, $out, 0);)*
                $numbers
            };
            let place = 0;
            rest.store($simd, $first, 0, numbers[place]);
            $(let place = place + 1; rest.store($simd, $out, 0, numbers[place]);)*
        }
    }};
}
pub(crate) use each;

/// The sum of a number over the columns of rows that are as long as the first.
macro_rules! sum {
    ($simd:expr, $S:ty, [$first:ident $(, $row:ident)*] => $number:expr) => {{
        // Sums that do not wait for each other.
        let mut sums = [$simd.splat_f32s(0.0); 4];
        let (vectors, rest) = $crate::lanes::parts($simd, $first.len());
        {
            let $first = &<$S>::as_simd_f32s($first).0[..vectors];
            $(let $row = &<$S>::as_simd_f32s($row).0[..vectors];)*
            for four in 0..vectors / 4 {
                for turn in 0..4 {
                    let $first = $first[4 * four + turn];
                    $(let $row = $row[4 * four + turn];)*
                    sums[turn] = $simd.add_f32s(sums[turn], $number);
                }
            }
            let whole = vectors / 4 * 4;
            for turn in 0..3 {
                if whole + turn < vectors {
                    let $first = $first[whole + turn];
                    $(let $row = $row[whole + turn];)*
                    sums[turn] = $simd.add_f32s(sums[turn], $number);
                }
            }
        }
        if let Some(rest) = rest {
            let $first = rest.load($simd, $first, 0);
            $(let $row = rest.load($simd, $row, 0);)*
            sums[3] = $simd.add_f32s(sums[3], rest.only($simd, $number));
        }
        let [a, b, c, d] = sums;
        $simd.reduce_sum_f32s($simd.add_f32s($simd.add_f32s(a, b), $simd.add_f32s(c, d)))
    }};
}
pub(crate) use sum;

impl Columns {
    /// Their numbers in the row that begins at `row`, zeros behind them.
    #[inline(always)]
    pub(crate) fn load<S: Simd>(self, simd: S, numbers: &[f32], row: usize) -> S::f32s {
        let numbers = &numbers[row + self.first..];
        match self.count == S::F32_LANES {
            true => S::as_simd_f32s(&numbers[..S::F32_LANES]).0[0],
            false => simd.partial_load_f32s(&numbers[..self.count]),
        }
    }

    /// Writes them.
    #[inline(always)]
    pub(crate) fn store<S: Simd>(self, simd: S, numbers: &mut [f32], row: usize, values: S::f32s) {
        let numbers = &mut numbers[row + self.first..];
        match self.count == S::F32_LANES {
            true => S::as_mut_simd_f32s(&mut numbers[..S::F32_LANES]).0[0] = values,
            false => simd.partial_store_f32s(&mut numbers[..self.count], values),
        }
    }

    /// Zeros for what is behind them.
    #[inline(always)]
    pub(crate) fn only<S: Simd>(self, simd: S, values: S::f32s) -> S::f32s {
        if self.count == S::F32_LANES {
            return values;
        }
        let places = simd.partial_load_f32s(&PLACES[..S::F32_LANES]);
        let inside = simd.less_than_f32s(places, simd.splat_f32s(self.count as f32));
        simd.select_f32s(inside, values, simd.splat_f32s(0.0))
    }
}
