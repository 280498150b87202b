//! The learning rates of a block of steps.

use super::LANES;
use crate::quantity::LearningRate;
use std::iter::repeat_n;

/// A rate for each step and each lane of a group.
pub(super) trait Rates {
    /// The number of steps.
    fn steps(&self) -> usize;
    /// λ, which only layers out of range need.
    fn lr(&self, step: usize, lane: usize) -> LearningRate;
    /// λ² by lane of three steps at a time; the one or two that are left over are missing.
    fn triples(&self) -> impl Iterator<Item: Fn(usize) -> [f64; 3]>;
    /// λ² by lane of all steps but the first `done`.
    fn singles(&self, done: usize) -> impl Iterator<Item: Fn(usize) -> f64>;
    /// A bound of `Σλ²`.
    fn dose(&self, lane: usize) -> f64;
}

/// A rate for each step.
pub(super) struct Scheduled<'a> {
    pub lrs: &'a [LearningRate],
    /// `λ²`.
    pub squares: &'a [f64],
    /// The largest of them.
    pub largest: f64,
}

/// A rate for each lane.
pub(super) struct Constant {
    lrs: [LearningRate; LANES],
    squares: [f64; LANES],
    steps: usize,
}

impl Constant {
    pub fn new(lrs: [LearningRate; LANES], steps: usize) -> Self {
        Self {
            lrs,
            squares: lrs.map(squared),
            steps,
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
    fn triples(&self) -> impl Iterator<Item: Fn(usize) -> [f64; 3]> {
        let (triples, _rest) = self.squares.as_chunks::<3>();
        triples.iter().map(|&squares| move |_lane| squares)
    }

    #[inline(always)]
    fn singles(&self, done: usize) -> impl Iterator<Item: Fn(usize) -> f64> {
        self.squares[done..]
            .iter()
            .map(|&square| move |_lane| square)
    }

    #[inline(always)]
    fn dose(&self, _lane: usize) -> f64 {
        self.largest * self.squares.len() as f64
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
    fn triples(&self) -> impl Iterator<Item: Fn(usize) -> [f64; 3]> {
        repeat_n(|lane| [self.squares[lane]; 3], self.steps / 3)
    }

    #[inline(always)]
    fn singles(&self, done: usize) -> impl Iterator<Item: Fn(usize) -> f64> {
        repeat_n(|lane| self.squares[lane], self.steps - done)
    }

    #[inline(always)]
    fn dose(&self, lane: usize) -> f64 {
        self.squares[lane] * self.steps as f64
    }
}

/// `λ²`; infinity where it overflows, which no lane takes for being in range.
pub(super) fn squared(lr: LearningRate) -> f64 {
    lr.get() * lr.get()
}
