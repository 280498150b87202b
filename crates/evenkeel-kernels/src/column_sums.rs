//! The sum of each column: the gradient of a bias.

use pulp::{Simd, WithSimd};

use crate::lanes::blocks;
use crate::layer_norm::add_up;
use crate::vectors::dispatch;
use crate::workers::Workers;

/// Numbers in a chunk of rows, about.
const CHUNK: usize = 65_536;

/// The sums of the columns of `rows`, as many as there are `sums`.
pub fn column_sums(workers: &Workers, rows: &[f32], sums: &mut [f32]) {
    let columns = sums.len().max(1);
    let length = (CHUNK / columns).max(1) * columns;
    let parts = workers.map(rows.len().div_ceil(length), |index| {
        let part = index * length..((index + 1) * length).min(rows.len());
        let mut sums = workers.memory().zeros(columns);
        dispatch(Add {
            rows: &rows[part],
            sums: &mut sums,
        });
        sums
    });
    add_up(&parts, sums);
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
        // Some rows at a time, read in their order, so that the total is seldom loaded and stored.
        for rows in self.rows.chunks(8 * width) {
            blocks!(simd, S, width, block => {
                let mut sum = block.load(simd, self.sums, 0);
                for row in (0..rows.len()).step_by(width) {
                    sum = simd.add_f32s(sum, block.load(simd, rows, row));
                }
                block.store(simd, self.sums, 0, sum);
            });
        }
    }
}
