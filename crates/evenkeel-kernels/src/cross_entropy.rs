//! The mean cross-entropy of class scores, `−⟨ln softmax(s)[label]⟩` over rows, and its gradient.

use pulp::{Simd, WithSimd};

use crate::softmax::{exponentials, largest, times};
use crate::vectors::dispatch;
use crate::workers::Workers;

/// Numbers in a chunk of rows, about.
const CHUNK: usize = 16_384;

/// The cross-entropy of rows with as many scores as there are classes, and in `gradient` that of the scores.
///
/// # Panics
/// When rows and labels are not as many, or a label is none of the classes.
pub fn forward(workers: &Workers, scores: &[f32], labels: &[usize], gradient: &mut [f32]) -> f32 {
    assert_eq!(scores.len(), gradient.len());
    let rows = labels.len().max(1);
    let classes = scores.len() / rows;
    assert_eq!(scores.len(), labels.len() * classes);
    assert!(labels.iter().all(|label| *label < classes));
    let share = (CHUNK / classes.max(1)).max(1);
    let sums = workers.chunks_with(gradient, share * classes, |index, gradient| {
        let first = index * share;
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
            times(simd, gradient, self.weight / sum);
            gradient[*label] -= self.weight;
            loss += f64::from(sum).ln() + f64::from(top - scores[*label]);
        }
        loss
    }
}
