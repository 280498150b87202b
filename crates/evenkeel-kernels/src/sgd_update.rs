//! The update of stochastic gradient descent with weight decay.

use pulp::{Simd, WithSimd};

use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;

/// Numbers in a task.
const TASK: usize = 16_384;

/// Updates `w ← weight_decay_factor · w − lr · g` in place.
///
/// # Panics
/// When the vectors differ in length.
pub fn sgd_update(pool: &ThreadPool, w: &mut [f32], g: &[f32], weight_decay_factor: f32, lr: f32) {
    assert_eq!(w.len(), g.len());
    pool.for_each_chunk(w, TASK, |task, w| {
        let g = &g[task * TASK..][..w.len()];
        dispatch(Update {
            w,
            g,
            weight_decay_factor,
            lr,
        });
    });
}

struct Update<'a> {
    w: &'a mut [f32],
    g: &'a [f32],
    weight_decay_factor: f32,
    lr: f32,
}

impl WithSimd for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let decay = simd.splat_f32s(self.weight_decay_factor);
        let down = simd.splat_f32s(-self.lr);
        let (w, w_rest) = S::as_mut_simd_f32s(self.w);
        let (g, g_rest) = S::as_simd_f32s(self.g);
        for (w, g) in w.iter_mut().zip(g) {
            *w = simd.mul_add_e_f32s(*g, down, simd.mul_f32s(*w, decay));
        }
        let (decayed, g) = (
            simd.mul_f32s(simd.partial_load_f32s(w_rest), decay),
            simd.partial_load_f32s(g_rest),
        );
        simd.partial_store_f32s(w_rest, simd.mul_add_e_f32s(g, down, decayed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_updated() {
        for length in [0, 1, 15, 16, 17, 1000, 2 * TASK + 5] {
            let mut w: Vec<f32> = (0..length).map(|i| (i % 11) as f32).collect();
            let g: Vec<f32> = (0..length).map(|i| (i % 7) as f32).collect();
            let expected = w.iter().zip(&g).map(|(w, g)| 0.5 * w - 0.25 * g);
            let expected: Vec<f32> = expected.collect();
            sgd_update(&ThreadPool::new(2).unwrap(), &mut w, &g, 0.5, 0.25);
            assert_eq!(w, expected, "{length}");
        }
    }
}
