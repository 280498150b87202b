//! How far steps turn weights (T1), and what it costs to lower an ELR by growth of the norm: the weight's direction (T26).

use crate::quantity::Elr;

/// The angle by which steps turn layers, in radians: the mean of `arctan λE` (T1), given the `λE`; zero without layers.
pub fn mean_angle(tangents: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = tangents.len().max(1) as f64;
    tangents.map(f64::atan).sum::<f64>() / count
}

/// The cosine between a weight and itself after plain SGD with uncorrelated gradients has lowered its
/// ELR from `before` to `after`, at a steady base gradient: `√(E′/E)` for any schedule (T26). 1 where
/// the ELR has not fallen.
///
/// Steps that are orthogonal to the weight (T1) and to each other, as those of uncorrelated gradients
/// nearly are in many dimensions, leave `⟨w′, w⟩ = ‖w‖²` while `‖w′‖² = ‖w‖²·E/E′` (T2). Gradients that
/// agree turn the weight further for the same growth. Gradients that alternate in sign turn it less:
/// each step undoes the turn of the one before, and the norm grows all the same.
pub fn retained(before: Elr, after: Elr) -> f64 {
    retained_of(before.get() / after.get())
}

/// The same, of the ratio `E/E′`.
pub fn retained_of(ratio: f64) -> f64 {
    ratio.powf(-0.5).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::LearningRate;
    use crate::recurrence::sgd;

    #[test]
    fn small_steps_and_large_ones_cost_the_same() {
        let start = Elr::new(5.0).unwrap();
        for (lr, steps) in [(0.2, 1), (0.02, 200)] {
            let lr = LearningRate::new(lr).unwrap();
            let (mut elr, mut cosine) = (start, 1.0);
            for _ in 0..steps {
                // A step turns by arctan(λE), away from all that was before.
                cosine *= (lr.get() * elr.get()).atan().cos();
                elr = sgd::elr(elr, lr);
            }
            assert!((cosine - retained(start, elr)).abs() < 1e-12, "{lr:?}");
        }
    }
    #[test]
    fn steps_that_alternate_grow_the_norm_and_keep_the_direction() {
        // In the plane: a step of tangent t across the weight, and the next one back.
        let (mut x, mut y): (f64, f64) = (1.0, 0.0);
        for step in 0..8 {
            let (norm, sign) = (x.hypot(y), if step % 2 == 0 { 1.0 } else { -1.0 });
            let length = 0.5 * sign / norm;
            (x, y) = (x - length * y / norm, y + length * x / norm);
        }
        let (cosine, inverse_norm) = (x / x.hypot(y), x.hypot(y).recip());
        // Uncorrelated steps would leave a cosine of 1/‖w‖ (T26).
        assert!(
            inverse_norm < 0.75 && cosine > 0.98,
            "{inverse_norm} {cosine}"
        );
    }
}
