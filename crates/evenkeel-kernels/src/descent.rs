//! The step of an optimiser down a direction.

use pulp::{Simd, WithSimd};

use crate::vectors::dispatch;
use crate::workers::Workers;

/// Numbers in a piece of work.
const PIECE: usize = 16_384;

/// `w ← keep · w − rate · g`.
///
/// # Panics
/// When the vectors differ in length.
pub fn descend(workers: &Workers, w: &mut [f32], g: &[f32], keep: f32, rate: f32) {
    assert_eq!(w.len(), g.len());
    workers.chunks(w, PIECE, |piece, w| {
        let g = &g[piece * PIECE..][..w.len()];
        dispatch(Descent { w, g, keep, rate });
    });
}

struct Descent<'a> {
    w: &'a mut [f32],
    g: &'a [f32],
    keep: f32,
    rate: f32,
}

impl WithSimd for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (keep, down) = (simd.splat_f32s(self.keep), simd.splat_f32s(-self.rate));
        let (w, w_rest) = S::as_mut_simd_f32s(self.w);
        let (g, g_rest) = S::as_simd_f32s(self.g);
        for (w, g) in w.iter_mut().zip(g) {
            *w = simd.mul_add_e_f32s(*g, down, simd.mul_f32s(*w, keep));
        }
        let (kept, g) = (
            simd.mul_f32s(simd.partial_load_f32s(w_rest), keep),
            simd.partial_load_f32s(g_rest),
        );
        simd.partial_store_f32s(w_rest, simd.mul_add_e_f32s(g, down, kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_goes_its_way() {
        for length in [0, 1, 15, 16, 17, 1000, 2 * PIECE + 5] {
            let mut w: Vec<f32> = (0..length).map(|i| (i % 11) as f32).collect();
            let g: Vec<f32> = (0..length).map(|i| (i % 7) as f32).collect();
            let there = w.iter().zip(&g).map(|(w, g)| 0.5 * w - 0.25 * g);
            let there: Vec<f32> = there.collect();
            descend(&Workers::new(2).unwrap(), &mut w, &g, 0.5, 0.25);
            assert_eq!(w, there, "{length}");
        }
    }
}
