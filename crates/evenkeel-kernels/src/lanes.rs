//! Columns of a matrix of rows, a vector at a time.

use pulp::Simd;

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
}
