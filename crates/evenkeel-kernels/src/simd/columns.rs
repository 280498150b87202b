//! Loops over the columns of row-major matrices, one vector at a time.
//!
//! These are macros because a closure would not be compiled for the dispatched instruction set.
//! Whole vectors run in a loop of their own, without bounds handling for the end of a row.

use pulp::Simd;

/// Lane indices of the longest vector.
const LANE_INDICES: [f32; 16] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// Up to one vector of adjacent columns.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    /// The first column.
    pub(crate) first: usize,
    /// The number of columns.
    pub(crate) count: usize,
}

/// The number of whole vectors in a row, and the columns after them.
#[inline(always)]
pub(crate) fn split<S: Simd>(_simd: S, width: usize) -> (usize, Option<Columns>) {
    let vectors = width / S::F32_LANES;
    let first = vectors * S::F32_LANES;
    let count = width - first;
    (vectors, (count > 0).then_some(Columns { first, count }))
}

/// Runs `$body` for each vector of columns of a row of `$width` numbers.
macro_rules! for_each_block {
    ($simd:expr, $S:ty, $width:expr, $block:ident => $body:block) => {{
        let (vectors, rest) = $crate::simd::columns::split($simd, $width);
        for vector in 0..vectors {
            let $block = $crate::simd::columns::Columns {
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
pub(crate) use for_each_block;

/// Runs `$body` with the start of each row of `$width` numbers and one of four accumulators in
/// turn, so that consecutive rows have no dependency on each other.
macro_rules! for_each_row {
    ($length:expr, $width:expr, $row:ident, [$($sums:ident as $sum:ident),*] => $body:block) => {{
        let fours = $length / (4 * $width);
        for four in 0..fours {
            for i in 0..4 {
                let $row = (4 * four + i) * $width;
                $(let $sum = &mut $sums[i];)*
                $body
            }
        }
        for i in 0..$length / $width - 4 * fours {
            let $row = (4 * fours + i) * $width;
            $(let $sum = &mut $sums[i];)*
            $body
        }
    }};
}
pub(crate) use for_each_row;

/// Writes `$values`, one for each output row, at every column. Input rows are at least as long as
/// the first output row; `$values` may also read the output rows.
macro_rules! map_columns {
    ($simd:expr, $S:ty, [$($row:ident),*] => [$first:ident $(, $out:ident)*] $values:expr) => {{
        let (vectors, rest) = $crate::simd::columns::split($simd, $first.len());
        {
            $(let $row = &<$S>::as_simd_f32s($row).0[..vectors];)*
            let $first = &mut <$S>::as_mut_simd_f32s($first).0[..vectors];
            $(let $out = &mut <$S>::as_mut_simd_f32s($out).0[..vectors];)*
            for i in 0..vectors {
                let values = {
                    $(let $row = $row[i];)*
                    #[allow(unused_variables)]
                    let $first = $first[i];
                    $(#[allow(unused_variables)] let $out = $out[i];)*
                    $values
                };
                let place = 0;
                $first[i] = values[place];
                $(let place = place + 1; $out[i] = values[place];)*
            }
        }
        if let Some(rest) = rest {
            let values = {
                $(let $row = rest.load($simd, $row, 0);)*
                #[allow(unused_variables)]
                let $first = rest.load($simd, $first, 0);
                $(#[allow(unused_variables)] let $out = rest.load($simd, $out, 0);)*
                $values
            };
            let place = 0;
            rest.store($simd, $first, 0, values[place]);
            $(let place = place + 1; rest.store($simd, $out, 0, values[place]);)*
        }
    }};
}
pub(crate) use map_columns;

/// The sum of `$value` over the columns of rows that are at least as long as the first.
macro_rules! sum_columns {
    ($simd:expr, $S:ty, [$first:ident $(, $row:ident)*] => $value:expr) => {{
        // Four independent accumulators hide the latency of additions.
        let mut sums = [$simd.splat_f32s(0.0); 4];
        let (vectors, rest) = $crate::simd::columns::split($simd, $first.len());
        {
            let $first = &<$S>::as_simd_f32s($first).0[..vectors];
            $(let $row = &<$S>::as_simd_f32s($row).0[..vectors];)*
            for four in 0..vectors / 4 {
                for i in 0..4 {
                    let $first = $first[4 * four + i];
                    $(let $row = $row[4 * four + i];)*
                    sums[i] = $simd.add_f32s(sums[i], $value);
                }
            }
            let whole = vectors / 4 * 4;
            for i in 0..3 {
                if whole + i < vectors {
                    let $first = $first[whole + i];
                    $(let $row = $row[whole + i];)*
                    sums[i] = $simd.add_f32s(sums[i], $value);
                }
            }
        }
        if let Some(rest) = rest {
            let $first = rest.load($simd, $first, 0);
            $(let $row = rest.load($simd, $row, 0);)*
            sums[3] = $simd.add_f32s(sums[3], rest.mask($simd, $value));
        }
        let [a, b, c, d] = sums;
        $simd.reduce_sum_f32s($simd.add_f32s($simd.add_f32s(a, b), $simd.add_f32s(c, d)))
    }};
}
pub(crate) use sum_columns;

impl Columns {
    /// Loads these columns of the row that starts at `row`, padded with zeros.
    #[inline(always)]
    pub(crate) fn load<S: Simd>(self, simd: S, numbers: &[f32], row: usize) -> S::f32s {
        let numbers = &numbers[row + self.first..];
        match self.count == S::F32_LANES {
            true => S::as_simd_f32s(&numbers[..S::F32_LANES]).0[0],
            false => simd.partial_load_f32s(&numbers[..self.count]),
        }
    }

    /// Stores these columns of the row that starts at `row`.
    #[inline(always)]
    pub(crate) fn store<S: Simd>(self, simd: S, numbers: &mut [f32], row: usize, values: S::f32s) {
        let numbers = &mut numbers[row + self.first..];
        match self.count == S::F32_LANES {
            true => S::as_mut_simd_f32s(&mut numbers[..S::F32_LANES]).0[0] = values,
            false => simd.partial_store_f32s(&mut numbers[..self.count], values),
        }
    }

    /// Sets the lanes after these columns to zero.
    #[inline(always)]
    pub(crate) fn mask<S: Simd>(self, simd: S, values: S::f32s) -> S::f32s {
        if self.count == S::F32_LANES {
            return values;
        }
        let indices = simd.partial_load_f32s(&LANE_INDICES[..S::F32_LANES]);
        let inside = simd.less_than_f32s(indices, simd.splat_f32s(self.count as f32));
        simd.select_f32s(inside, values, simd.splat_f32s(0.0))
    }
}
