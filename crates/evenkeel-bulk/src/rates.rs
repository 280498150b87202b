//! The learning rates of a block of steps, and what they say of taking several steps at a time.

use crate::LANES;
use evenkeel::quantity::LearningRate;

/// A rate for each step and each lane of a group of `y = 1/E`.
pub(crate) trait Rates {
    /// The number of steps.
    fn steps(&self) -> usize;
    /// λ, which only layers out of range need.
    fn lr(&self, step: usize, lane: usize) -> LearningRate;
    /// λ² by lane, of step after step.
    fn squares(&self) -> impl Iterator<Item: Fn(usize) -> f64>;
    /// A bound of `Σλ²`.
    fn dose(&self, lane: usize) -> f64;

    /// Advances all lanes by all steps, several at a time.
    fn several(&self, group: &mut [f64; LANES]);
    /// Whether [`several`](Self::several) is right for `y`.
    fn suits(&self, lane: usize, y: f64) -> bool;
}

/// Whether `y` stays within `1/limit` and `limit` over steps of `Σλ² ≤ dose`.
#[inline(always)]
pub(crate) fn in_range(y: f64, dose: f64, limit: f64) -> bool {
    // `y` never falls, so the steps add at most dose/y. Times y, to save the division.
    (y >= limit.recip()) & (dose <= y * (limit - y))
}

/// `λ²`; infinity where it overflows, which no lane takes for being in range.
pub(crate) fn squared(lr: LearningRate) -> f64 {
    lr.get() * lr.get()
}

#[cfg(test)]
mod tests {
    use super::in_range;

    #[test]
    fn nothing_unusual_is_in_range() {
        for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e-160, 1e160] {
            assert!(!in_range(bad, 1.0, 1e150), "{bad}");
        }
        assert!(!in_range(1.0, f64::INFINITY, 1e150));
    }

    #[test]
    fn a_dose_may_reach_the_limit() {
        for y in [1e-18, 1.0, 5e17] {
            let dose = y * (1e18 - y);
            assert!(in_range(y, dose, 1e18) && !in_range(y, dose * 1.01, 1e18));
        }
    }
}
