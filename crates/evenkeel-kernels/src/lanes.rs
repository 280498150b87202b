//! Columns of a matrix of rows, a vector at a time.

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

/// All of `features` columns.
#[inline(always)]
pub(crate) fn columns<S: Simd>(_simd: S, features: usize) -> impl Iterator<Item = Columns> {
    (0..features)
        .step_by(S::F32_LANES)
        .map(move |first| Columns {
            first,
            count: S::F32_LANES.min(features - first),
        })
}

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
