//! A rate for each layer, the same at every step: four steps for one division.
//!
//! A constant rate can be taken out. With `v = y/λ` and `q = v²`, `q′ = (q + 1)²/q`, which saves a
//! multiplication a step, and `(n, d)` goes to `((n + d)², nd)`.

use crate::LANES;
use crate::rates::{Rates, in_range, squared};
use evenkeel::quantity::LearningRate;
use std::iter::repeat_n;

/// The largest `v`, and the inverse of the smallest, whose 32nd power is a normal number.
const LIMIT: f64 = 1e9;

/// A rate for each lane.
pub(crate) struct Constant {
    lrs: [LearningRate; LANES],
    squares: [f64; LANES],
    steps: usize,
}

impl Constant {
    #[inline(always)]
    pub fn new(lrs: [LearningRate; LANES], steps: usize) -> Self {
        Self {
            lrs,
            squares: lrs.map(squared),
            steps,
        }
    }
}

impl Rates for Constant {
    #[inline(always)]
    fn steps(&self) -> usize {
        self.steps
    }

    fn lr(&self, _step: usize, lane: usize) -> LearningRate {
        self.lrs[lane]
    }

    #[inline(always)]
    fn squares(&self) -> impl Iterator<Item: Fn(usize) -> f64> {
        repeat_n(|lane| self.squares[lane], self.steps)
    }

    #[inline(always)]
    fn dose(&self, lane: usize) -> f64 {
        self.squares[lane] * self.steps as f64
    }

    #[inline(always)]
    fn several(&self, group: &mut [f64; LANES]) {
        let mut q = *group;
        for (q, lr) in q.iter_mut().zip(&self.lrs) {
            let v = *q / lr.get();
            *q = v * v;
        }
        for _ in 0..self.steps / 4 {
            for q in &mut q {
                *q = four_steps(*q);
            }
        }
        for _ in 0..self.steps % 4 {
            for q in &mut q {
                *q = one_step(*q);
            }
        }
        for ((y, q), lr) in group.iter_mut().zip(q).zip(&self.lrs) {
            *y = q.sqrt() * lr.get();
        }
    }

    #[inline(always)]
    fn suits(&self, lane: usize, y: f64) -> bool {
        // One step may add much. After it `v` is at least 2 and grows as √(2 · steps) does, which is
        // nothing to LIMIT.
        in_range(y / self.lrs[lane].get(), 1.0, LIMIT)
    }
}

#[inline(always)]
fn one_step(q: f64) -> f64 {
    let m1 = q + 1.0;
    m1 * m1 / q
}

/// Four steps of `q′ = (q + 1)²/q`.
#[inline(always)]
fn four_steps(q: f64) -> f64 {
    let m1 = q + 1.0;
    let n1 = m1 * m1;
    let m2 = n1 + q;
    let (n2, d2) = (m2 * m2, n1 * q);
    let m3 = n2 + d2;
    let (n3, d3) = (m3 * m3, n2 * d2);
    let m4 = n3 + d3;
    m4 * m4 / (n3 * d3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_steps_are_four_steps_over_the_whole_range() {
        for v in [1.1 / LIMIT, 1e-3, 1.0, 40.0, LIMIT * 0.99] {
            assert!(in_range(v, 1.0, LIMIT));
            let single = (0..4).fold(v, |v: f64, _| v + v.recip());
            let four = four_steps(v * v).sqrt();
            assert!((four / single - 1.0).abs() < 1e-15, "{v}");
            let one = one_step(v * v).sqrt();
            assert!((one / (v + v.recip()) - 1.0).abs() < 1e-15, "{v}");
        }
    }
}
