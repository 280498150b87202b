//! Mean cross-entropy of class scores, `−⟨ln softmax(s)[label]⟩` over rows, and its gradient.

use pulp::{Simd, WithSimd};

use crate::layers::softmax::{exponentials, largest, scale_by};
use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;

/// Approximate number of scores in a task.
const TASK: usize = 16_384;

/// Returns the mean cross-entropy of `scores`, `[labels.len(), classes]`, and writes its gradient.
///
/// # Panics
/// When the sizes do not match or a label is not below the number of classes.
pub fn forward(pool: &ThreadPool, scores: &[f32], labels: &[usize], gradient: &mut [f32]) -> f32 {
    assert_eq!(scores.len(), gradient.len());
    let rows = labels.len().max(1);
    let classes = scores.len() / rows;
    assert_eq!(scores.len(), labels.len() * classes);
    assert!(labels.iter().all(|label| *label < classes));
    let rows_per_task = (TASK / classes.max(1)).max(1);
    let sums = pool.map_chunks(gradient, rows_per_task * classes, |index, gradient| {
        let first = index * rows_per_task;
        dispatch(Forward {
            scores: &scores[first * classes..][..gradient.len()],
            labels: &labels[first..],
            classes,
            weight: 1.0 / rows as f32,
            gradient,
        })
    });
    (sums.iter().sum::<f64>() / rows as f64) as f32
}

struct Forward<'a> {
    scores: &'a [f32],
    labels: &'a [usize],
    classes: usize,
    weight: f32,
    gradient: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let rows = self.scores.chunks_exact(self.classes);
        let rows = rows.zip(self.gradient.chunks_exact_mut(self.classes));
        let mut loss = 0.0;
        for ((scores, gradient), label) in rows.zip(self.labels) {
            let top = largest(simd, scores);
            gradient.copy_from_slice(scores);
            let sum = exponentials(simd, gradient, 1.0, top);
            scale_by(simd, gradient, self.weight / sum);
            gradient[*label] -= self.weight;
            loss += f64::from(sum).ln() + f64::from(top - scores[*label]);
        }
        loss
    }
}
