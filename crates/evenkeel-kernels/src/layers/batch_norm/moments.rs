//! Mean and variance of each feature over a batch.

use pulp::{Simd, WithSimd};

use super::{sum_accumulators, task_length};
use crate::simd::columns::{for_each_block, for_each_row};
use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;

/// Mean and variance of each feature over a set of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moments {
    /// The number of rows.
    pub rows: usize,
    /// Mean of each feature.
    pub mean: Vec<f32>,
    /// Biased variance of each feature.
    pub variance: Vec<f32>,
}

impl Moments {
    /// The moments of all rows.
    pub fn over(pool: &ThreadPool, rows: &[f32], features: usize) -> Self {
        let tasks: Vec<&[f32]> = rows.chunks(task_length(features)).collect();
        Self::combined(&pool.map(tasks.len(), |index| Self::of(tasks[index], features)))
    }

    /// The moments of one task's rows, in two passes: the variance is taken around their mean.
    fn of(rows: &[f32], features: usize) -> Self {
        let mut moments = Self {
            rows: rows.len() / features.max(1),
            mean: vec![0.0; features],
            variance: vec![0.0; features],
        };
        if moments.rows > 0 {
            dispatch(Measure {
                rows,
                moments: &mut moments,
            });
        }
        moments
    }

    /// Combines the moments of all tasks (Chan, Golub & LeVeque 1983), in 64 bits and in order.
    fn combined(parts: &[Self]) -> Self {
        let features = parts.first().map_or(0, |part| part.mean.len());
        let rows: usize = parts.iter().map(|part| part.rows).sum();
        let fraction = |part: &Self| part.rows as f64 / rows.max(1) as f64;
        let weighted = |number: &dyn Fn(&Self) -> f64| -> f64 {
            parts.iter().map(|part| fraction(part) * number(part)).sum()
        };
        let mean: Vec<f64> = (0..features)
            .map(|i| weighted(&|part| f64::from(part.mean[i])))
            .collect();
        let variance = (0..features).map(|i| {
            weighted(&|part| {
                let deviation = f64::from(part.mean[i]) - mean[i];
                f64::from(part.variance[i]) + deviation * deviation
            }) as f32
        });
        Self {
            rows,
            variance: variance.collect(),
            mean: mean.iter().map(|mean| *mean as f32).collect(),
        }
    }

    /// The inverse deviation `1/√(v + ε)` of each feature.
    pub fn inverse_deviations(&self, epsilon: f32) -> Vec<f32> {
        let inverse = |variance: &f32| inverse_deviation(*variance, epsilon);
        self.variance.iter().map(inverse).collect()
    }
}

/// `1/√(v + ε)`.
pub(in crate::layers) fn inverse_deviation(variance: f32, epsilon: f32) -> f32 {
    1.0 / (variance + epsilon).sqrt()
}

/// Computes the moments of one task's rows.
struct Measure<'a> {
    rows: &'a [f32],
    moments: &'a mut Moments,
}

impl WithSimd for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let features = self.moments.mean.len();
        let inverse_rows = simd.splat_f32s(1.0 / self.moments.rows as f32);
        for_each_block!(simd, S, features, block => {
            let length = self.rows.len();
            let mut sums = [simd.splat_f32s(0.0); 4];
            for_each_row!(length, features, row, [sums as sum] => {
                *sum = simd.add_f32s(*sum, block.load(simd, self.rows, row));
            });
            let mean = simd.mul_f32s(sum_accumulators(simd, sums), inverse_rows);
            let mut squares = [simd.splat_f32s(0.0); 4];
            for_each_row!(length, features, row, [squares as square] => {
                let deviation = simd.sub_f32s(block.load(simd, self.rows, row), mean);
                *square = simd.mul_add_e_f32s(deviation, deviation, *square);
            });
            let variance = simd.mul_f32s(sum_accumulators(simd, squares), inverse_rows);
            block.store(simd, &mut self.moments.mean, 0, mean);
            block.store(simd, &mut self.moments.variance, 0, variance);
        });
    }
}
