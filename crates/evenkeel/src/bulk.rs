//! Very many ELRs over very many steps of plain SGD (T5), at a fraction of a division each.
//!
//! In `y = 1/E` the recurrence T5 is `y′ = y + λ²/y`: one division for a layer and a step, and the
//! rate at which a core divides would be the limit. Three steps together need one division only.
//! With `y = n/d`, a step takes the pair `(n, d)` to `(n² + λ²d², nd)` without dividing, so that
//!
//! ```text
//! n₁ = y² + λ₁²         d₁ = y
//! n₂ = n₁² + λ₂²d₁²     d₂ = n₁d₁
//! n₃ = n₂² + λ₃²d₂²     d₃ = n₂d₂     y₃ = n₃/d₃
//! ```
//!
//! Only positive numbers are added and multiplied, so nothing cancels and the result is as accurate
//! as that of the single steps. The numbers grow with the eighth power of `y`, which limits the
//! range: `n₃ = y⁴y₁²y₂y₃`, and `y` rises from step to step. Groups of [`LANES`] layers, which stay
//! in registers for a block of steps, are tried against `2⁻¹²⁰ ≤ y ≤ 2¹²⁰` (ELRs of 1e-36 to 1e36)
//! before every block, with `Σλ²/y` for what the block can add. Layers outside take [`sgd::elr`],
//! many times slower, and saturate as that does: no ELR becomes zero, infinite or NaN, whatever the
//! rates.
//!
//! Both forms round a few times a step. Where a step changes an ELR by little, steps may all round
//! the same way, and the two agree to a relative `2⁻⁵¹` times the number of steps. From `λE` of 0.1
//! to 10 errors partly cancel, and 3000 steps agree to 1e-13.
//!
//! Memory is 8 bytes a layer, nothing is allocated after the start, and no trajectory is kept: look
//! at [`BulkSgd::logs`] between two calls of [`BulkSgd::run`] to follow one. Where the next rate
//! depends on the ELRs, as in a warm-up, [`BulkSgd::run_while_looking`] goes step by step instead
//! and is bound by memory.

mod logs;
mod triple;

pub use logs::Logs;

use crate::quantity::{Elr, LearningRate};
use crate::recurrence::sgd;

/// Layers that are advanced together, in registers: enough of them to hide the time that one
/// division takes behind the others.
pub const LANES: usize = 32;

/// Steps that a group is advanced before the next group has its turn; a multiple of three.
const BLOCK: usize = 510;

/// ELRs of many layers under plain SGD, as `y = 1/E`.
///
/// ```
/// use evenkeel::{bulk::BulkSgd, quantity::{Elr, LearningRate}};
///
/// let mut units: BulkSgd = (1..=1000).map(|i| Elr::from_ln(f64::from(i) * 0.01)).collect();
/// let before = units.logs().spread();
/// units.run(&vec![LearningRate::new(0.1)?; 600]);
/// assert!(units.logs().spread().range < before.range);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BulkSgd {
    inverses: Vec<f64>,
}

/// The smallest and the largest ELR.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// `E_min`.
    pub slowest: Elr,
    /// `E_max`.
    pub fastest: Elr,
}

impl FromIterator<Elr> for BulkSgd {
    fn from_iter<T: IntoIterator<Item = Elr>>(elrs: T) -> Self {
        Self {
            inverses: elrs.into_iter().map(|elr| elr.get().recip()).collect(),
        }
    }
}

impl BulkSgd {
    /// The layers at step 0. To fill it without a list in between, collect an iterator.
    pub fn new(elrs: &[Elr]) -> Self {
        elrs.iter().copied().collect()
    }

    /// One step at each of `lrs`, whatever the ELRs become on the way.
    pub fn run(&mut self, lrs: &[LearningRate]) {
        let mut squares = [0.0; BLOCK];
        for block in lrs.chunks(BLOCK) {
            for (square, &lr) in squares.iter_mut().zip(block) {
                *square = squared(lr);
            }
            self.advance(block, &squares[..block.len()]);
        }
    }

    /// `steps` steps at the rate `lr`; to the bit what [`run`](Self::run) does with a list of it.
    pub fn run_constant(&mut self, lr: LearningRate, steps: usize) {
        let (rates, squares) = ([lr; BLOCK], [squared(lr); BLOCK]);
        for _ in 0..steps / BLOCK {
            self.advance(&rates, &squares);
        }
        let rest = steps % BLOCK;
        self.advance(&rates[..rest], &squares[..rest]);
    }

    /// `steps` steps whose rate is chosen by looking at the ELRs: `rate` is given the number of the
    /// step and the extremes before it. Does nothing without layers.
    ///
    /// With `1/E_max` this is the policy `no-overshoot` (T11), with `1/√(E_max E_min)` nearly
    /// `minimax`. Every step is a pass over all layers.
    pub fn run_while_looking(
        &mut self,
        steps: usize,
        mut rate: impl FnMut(usize, Extremes) -> LearningRate,
    ) {
        for step in 0..steps {
            let Some(extremes) = self.extremes() else {
                return;
            };
            self.run(&[rate(step, extremes)]);
        }
    }

    /// The smallest and the largest ELR, `None` without layers.
    pub fn extremes(&self) -> Option<Extremes> {
        let (low, high) = triple::extremes(&self.inverses);
        (!self.inverses.is_empty()).then(|| Extremes {
            slowest: Elr::saturating(high.recip()),
            fastest: Elr::saturating(low.recip()),
        })
    }

    /// The ELRs, in the order in which they came.
    pub fn elrs(&self) -> impl ExactSizeIterator<Item = Elr> + Clone + '_ {
        let elr = |y: &f64| Elr::saturating(y.recip());
        self.inverses.iter().map(elr)
    }

    /// Minimum, maximum, mean and standard deviation of `ln E`.
    pub fn logs(&self) -> Logs {
        Logs::of(self.inverses.iter().map(|y| -y.ln()))
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.inverses.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.inverses.is_empty()
    }

    /// A block of steps, group by group.
    fn advance(&mut self, lrs: &[LearningRate], squares: &[f64]) {
        let dose = squares.iter().sum();
        let (groups, rest) = self.inverses.as_chunks_mut::<LANES>();
        for group in groups {
            advance_group(group, group.len(), lrs, squares, dose);
        }
        if let Some(&first) = rest.first() {
            let mut group = [first; LANES];
            group[..rest.len()].copy_from_slice(rest);
            advance_group(&mut group, rest.len(), lrs, squares, dose);
            rest.copy_from_slice(&group[..rest.len()]);
        }
    }
}

/// A block of steps of one group, of which the first `used` lanes matter.
///
/// A group with a lane out of range goes lane by lane. The operations are the same, so that no
/// layer depends on its neighbours, not even in the last bit.
fn advance_group(
    group: &mut [f64; LANES],
    used: usize,
    lrs: &[LearningRate],
    squares: &[f64],
    dose: f64,
) {
    if triple::in_range(group, dose) {
        return triple::advance(group, squares);
    }
    for y in &mut group[..used] {
        let mut lane = [*y];
        if triple::in_range(&lane, dose) {
            triple::advance(&mut lane, squares);
            *y = lane[0];
        } else {
            let start = Elr::saturating(y.recip());
            *y = lrs.iter().copied().fold(start, sgd::elr).get().recip();
        }
    }
}

/// `λ²`; infinity where it overflows, which no group takes for being in range.
fn squared(lr: LearningRate) -> f64 {
    lr.get() * lr.get()
}

/// What `steps` steps at each of the constant rates `lrs` make of the same layers: one [`Logs`] a
/// rate. The rows use one copy of the layers in turn.
pub fn grid(elrs: &[Elr], lrs: &[LearningRate], steps: usize) -> Vec<Logs> {
    let start = BulkSgd::new(elrs);
    let mut row = start.clone();
    lrs.iter()
        .map(|&lr| {
            row.inverses.copy_from_slice(&start.inverses);
            row.run_constant(lr, steps);
            row.logs()
        })
        .collect()
}
