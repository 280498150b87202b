//! How far steps turn weights (T1), and what it costs to lower an ELR by growth of the norm: the weight's direction (T26).

use crate::quantity::Elr;

/// The angle by which steps turn layers, in radians: the mean of `arctan λE` (T1), given the `λE`; zero without layers.
pub fn mean_angle(tangents: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = tangents.len().max(1) as f64;
    tangents.map(f64::atan).sum::<f64>() / count
}

/// The cosine between a weight and itself after plain SGD has lowered its ELR from `before` to `after` with
/// a steady base gradient: `√(E′/E)`, whatever the schedule was (T26). 1 where the ELR has not fallen.
///
/// Steps that are orthogonal to the weight (T1) and to each other, as those of uncorrelated gradients nearly
/// are in many dimensions, leave `⟨w′, w⟩ = ‖w‖²` while `‖w′‖² = ‖w‖²·E/E′` (T2). Gradients that agree turn
/// it further for the same growth; none turns it less.
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
}
