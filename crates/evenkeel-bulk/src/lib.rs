//! Very many ELRs over very many steps of plain SGD (T5), at a fraction of a division each.
//!
//! In `y = 1/E` the recurrence T5 is `y′ = y + λ²/y`, and in `q = y²` it is `q′ = (q + λ²)²/q`: one
//! division for a layer and a step, and the rate at which a core divides would be the limit. Three
//! steps together need one division only. With `q = n/d`, a step takes the pair `(n, d)` to
//! `((n + λ²d)², nd)` without dividing, so that
//!
//! ```text
//! n₁ = (q + λ₁²)²         d₁ = q
//! n₂ = (n₁ + λ₂²d₁)²      d₂ = n₁d₁
//! n₃ = (n₂ + λ₃²d₂)²      d₃ = n₂d₂     q₃ = n₃/d₃
//! ```
//!
//! with seven multiplications. A fourth step would make these the limit, with little gained; at a
//! constant rate, which can be taken out, four steps need no more than seven either.
//!
//! Only positive numbers are added and multiplied, so nothing cancels and the result is as accurate
//! as that of the single steps. The numbers grow with the sixteenth power of `y`, which limits the
//! range: `n₃ = (y⁴y₁²y₂y₃)²`, and `y` rises from step to step. Every layer is tried against ELRs of
//! 1e-18 to 1e18 before every block of steps, with `Σλ²/y` for what the block can add to `y`; at a
//! constant rate against `λE` of 1e-9 to 1e9, once. Layers outside take single steps, a third as fast,
//! and outside 1e-150 to 1e150 [`sgd::elr`](evenkeel::recurrence::sgd::elr), many times slower, and
//! saturate as that does: no ELR becomes zero, infinite or NaN, whatever the rates.
//!
//! Both forms round a few times a step. Where a step changes an ELR by little, steps may all round
//! the same way, and the two agree to a relative `2⁻⁵¹` times the number of steps. From `λE` of 0.1
//! to 10 errors partly cancel, and 3000 steps agree to 1e-13. On x86-64 the AVX2 instructions are
//! used where the processor has them; the results are the same to the bit without.
//!
//! Memory is 8 bytes a layer, nothing is allocated after the start, and no trajectory is kept: look
//! at [`BulkSgd::logs`] between two calls of [`BulkSgd::run`] to follow one. Where the next rate
//! depends on the ELRs, as in a warm-up, use [`BulkSgd::run_while_looking`]; for many constant
//! rates, [`grid`].

mod constant;
mod extremes;
mod grid;
mod group;
mod logs;
mod rates;
mod scheduled;
mod wide;

pub use extremes::Extremes;
pub use grid::grid;
pub use group::LANES;
pub use logs::Logs;

use constant::Constant;
use evenkeel::quantity::{Elr, LearningRate};
use extremes::Ranks;
use rates::squared;
use scheduled::Scheduled;

/// Steps of a schedule that a group is advanced before the next group has its turn; a multiple of
/// three.
const BLOCK: usize = 1536;

/// ELRs of many layers under plain SGD, as `y = 1/E`.
///
/// ```
/// use evenkeel::quantity::{Elr, LearningRate};
/// use evenkeel_bulk::BulkSgd;
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
        let mut room = [0.0; BLOCK];
        for block in lrs.chunks(BLOCK) {
            let rates = Scheduled::new(block, &mut room);
            group::advance(&mut self.inverses, |_| rates);
        }
    }

    /// `steps` steps at the rate `lr`: what [`run`](Self::run) does with a list of it, to rounding,
    /// and faster.
    pub fn run_constant(&mut self, lr: LearningRate, steps: usize) {
        group::advance(&mut self.inverses, |_| Constant::new([lr; LANES], steps));
    }

    /// `steps` steps whose rate is chosen by looking at the ELRs: `rate` is given the number of the
    /// step and the extremes before it. Does nothing without layers.
    ///
    /// With `1/E_max` this is the policy `no-overshoot` (T11), with `1/√(E_max E₍₂₎)` `top-pair`
    /// (T12), with `1/√(E_max E_min)` nearly `minimax` (T13).
    ///
    /// Up to the critical rate of the two fastest layers no pair flips (T8), so that the extremes of
    /// the next step follow from those of this one, and hundreds of steps share a pass over the
    /// layers. Beyond it, as under `minimax`, every step is a pass with a division for each layer.
    /// Extremes that were not looked at agree with the layers as two orders of rounding do (above).
    pub fn run_while_looking(
        &mut self,
        steps: usize,
        mut rate: impl FnMut(usize, Extremes) -> LearningRate,
    ) {
        if self.is_empty() {
            return;
        }
        let mut ranks = Ranks::of(&self.inverses);
        let mut due = Vec::with_capacity(BLOCK);
        for step in 0..steps {
            let lr = rate(step, ranks.extremes());
            due.push(lr);
            ranks = match ranks.foreseen(squared(lr)) {
                Some(foreseen) if due.len() < BLOCK => foreseen,
                _ => {
                    due.pop();
                    self.run(&due);
                    due.clear();
                    self.step_and_look(lr, ranks)
                }
            };
        }
        self.run(&due);
    }

    /// One step from layers that extend over `ranks`, and those that they extend over afterwards.
    fn step_and_look(&mut self, lr: LearningRate, ranks: Ranks) -> Ranks {
        let square = squared(lr);
        if ranks.in_range(square) {
            return Ranks::after_step(&mut self.inverses, square);
        }
        self.run(&[lr]);
        Ranks::of(&self.inverses)
    }

    /// The smallest and the two largest ELRs, `None` without layers.
    pub fn extremes(&self) -> Option<Extremes> {
        (!self.is_empty()).then(|| Ranks::of(&self.inverses).extremes())
    }

    /// The ELRs, in the order in which they came.
    pub fn elrs(&self) -> impl ExactSizeIterator<Item = Elr> + Clone + '_ {
        let elr = |y: &f64| Elr::saturating(y.recip());
        self.inverses.iter().map(elr)
    }

    /// Minimum, maximum, mean and standard deviation of `ln E`.
    pub fn logs(&self) -> Logs {
        Logs::of_inverses(&self.inverses)
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.inverses.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.inverses.is_empty()
    }
}
