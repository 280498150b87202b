//! Column sums of a matrix: the gradient of a bias.

use pulp::{Simd, WithSimd};

use crate::simd::columns::for_each_block;
use crate::simd::instruction_set::dispatch;
use crate::threads::{PooledBuffer, ThreadPool};

/// Approximate number of numbers in a task.
const TASK: usize = 65_536;

/// Writes the sum of each column of `rows`, which has `sums.len()` columns.
pub fn column_sums(pool: &ThreadPool, rows: &[f32], sums: &mut [f32]) {
    let columns = sums.len().max(1);
    let length = (TASK / columns).max(1) * columns;
    let parts = pool.map(rows.len().div_ceil(length), |index| {
        let part = index * length..((index + 1) * length).min(rows.len());
        let mut sums = pool.buffers().take_zeroed(columns);
        dispatch(Add {
            rows: &rows[part],
            sums: &mut sums,
        });
        sums
    });
    add_partial_sums(&parts, sums);
}

/// Adds partial sums element by element, in 64 bits and in order.
pub(super) fn add_partial_sums(parts: &[PooledBuffer], sums: &mut [f32]) {
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = parts.iter().map(|part| f64::from(part[i])).sum::<f64>() as f32;
    }
}

struct Add<'a> {
    rows: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.sums.len();
        // Eight rows at a time, in order, so that totals are seldom loaded and stored.
        for rows in self.rows.chunks(8 * width) {
            for_each_block!(simd, S, width, block => {
                let mut sum = block.load(simd, self.sums, 0);
                for row in (0..rows.len()).step_by(width) {
                    sum = simd.add_f32s(sum, block.load(simd, rows, row));
                }
                block.store(simd, self.sums, 0, sum);
            });
        }
    }
}
