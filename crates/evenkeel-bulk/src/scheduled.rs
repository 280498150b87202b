//! A rate for each step: three steps for one division, as the parent module derives.

use crate::LANES;
use crate::rates::{Rates, in_range, squared};
use evenkeel::quantity::LearningRate;

/// The largest `y`, and the inverse of the smallest, whose sixteenth power is a normal number.
const LIMIT: f64 = 1e18;

/// The same rate for all layers, another one at each step.
#[derive(Clone, Copy)]
pub(crate) struct Scheduled<'a> {
    lrs: &'a [LearningRate],
    squares: &'a [f64],
    dose: f64,
}

impl<'a> Scheduled<'a> {
    /// `squares` is room for the `λ²`.
    pub fn new(lrs: &'a [LearningRate], squares: &'a mut [f64]) -> Self {
        let squares = &mut squares[..lrs.len()];
        for (square, &lr) in squares.iter_mut().zip(lrs) {
            *square = squared(lr);
        }
        let largest = squares.iter().copied().fold(0.0, f64::max);
        Self {
            lrs,
            squares,
            dose: largest * lrs.len() as f64,
        }
    }
}

impl Rates for Scheduled<'_> {
    #[inline(always)]
    fn steps(&self) -> usize {
        self.squares.len()
    }

    fn lr(&self, step: usize, _lane: usize) -> LearningRate {
        self.lrs[step]
    }

    #[inline(always)]
    fn squares(&self) -> impl Iterator<Item: Fn(usize) -> f64> {
        self.squares.iter().map(|&square| move |_lane| square)
    }

    #[inline(always)]
    fn dose(&self, _lane: usize) -> f64 {
        self.dose
    }

    #[inline(always)]
    fn several(&self, group: &mut [f64; LANES]) {
        let (triples, rest) = self.squares.as_chunks();
        let mut q = group.map(|y| y * y);
        for &squares in triples {
            for q in &mut q {
                *q = three_steps(*q, squares);
            }
        }
        for &square in rest {
            for q in &mut q {
                *q = one_step(*q, square);
            }
        }
        *group = q.map(f64::sqrt);
    }

    #[inline(always)]
    fn suits(&self, _lane: usize, y: f64) -> bool {
        in_range(y, self.dose, LIMIT)
    }
}

#[inline(always)]
fn one_step(q: f64, square: f64) -> f64 {
    let m1 = q + square;
    m1 * m1 / q
}

/// Three steps of `q′ = (q + λ²)²/q`, with the `λ²` in order.
#[inline(always)]
fn three_steps(q: f64, squares: [f64; 3]) -> f64 {
    let m1 = q + squares[0];
    let n1 = m1 * m1;
    let m2 = n1 + squares[1] * q;
    let (n2, d2) = (m2 * m2, n1 * q);
    let m3 = n2 + squares[2] * d2;
    m3 * m3 / (n2 * d2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_steps_are_three_steps() {
        // 1 → 1 + 1 = 2 → 2 + 4/2 = 4 → 4 + 8/4 = 6.
        assert_eq!(three_steps(1.0, [1.0, 4.0, 8.0]), 36.0);
        assert_eq!(three_steps(9.0, [0.0; 3]), 9.0);
    }

    #[test]
    fn the_corners_of_the_range_neither_overflow_nor_vanish() {
        for low in [LIMIT.recip(), 1.0, LIMIT / 2.0] {
            let dose = low * (LIMIT / 2.0);
            assert!(in_range(low, dose, LIMIT));
            for squares in [[dose, 0.0, 0.0], [0.0, 0.0, dose], [dose / 3.0; 3]] {
                let single = squares.iter().fold(low, |y, square| y + square / y);
                let triple = three_steps(low * low, squares).sqrt();
                assert!((triple / single - 1.0).abs() < 1e-15, "{low} {squares:?}");
            }
        }
    }
}
