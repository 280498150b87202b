//! Updates of a fixed length: a nonlinear function of a filtered gradient (T37, T38).
//!
//! Lion takes the sign and Muon the orthogonal factor of `n = fresh·g + kept·m`, where the buffer
//! follows `m′ = decay·m + entry·g`. The length of the update `u` is given by the weight's shape.
//! What matters for growth is how long `u` keeps its direction.
//!
//! If two inputs have the correlation `r`, their updates have the correlation `f(r) = Σ a_p r^p`, with
//! positive weights of sum 1: the Hermite series of the nonlinearity, of which the odd powers are
//! left by symmetry. Each power behaves like an update of its own that remembers with `r^p`, so a layer
//! is its ELR, the length of its buffer over that of a gradient, and one cosine to the weight for each
//! power.

use super::state::Move;
use super::{LayerState, Measure, Settings, Step};
use crate::equilibrium::Equilibrium;
use crate::flow::Flow;
use crate::quantity::{GradientScale, LearningRate, Turn};
use crate::vector::Vector;

/// The powers that stand for the whole series; others are shared out among them.
const POWERS: [i32; 4] = [1, 3, 7, 21];

/// The weight of each of [`POWERS`].
pub(super) type Weights = [f64; POWERS.len()];

/// Buffers beyond this many gradients are as good as infinite, and squares stay finite.
const LONGEST_BUFFER: f64 = 1e150;

/// The linear filter from gradients to the input of the nonlinearity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    /// The gradient's factor in the input.
    pub fresh: f64,
    /// The buffer's factor in the input.
    pub kept: f64,
    /// The buffer's factor in the next buffer.
    pub decay: f64,
    /// The gradient's factor in the next buffer.
    pub entry: f64,
}

/// What a layer remembers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Memory {
    weights: Weights,
    /// The length of the buffer over that of the gradient.
    buffer: f64,
    /// For each power, the component along the weight of what is remembered.
    along: Weights,
}

impl Memory {
    pub(super) fn new(weights: Weights) -> Self {
        Self {
            weights,
            ..Self::default()
        }
    }

    /// The buffer's component along the weight and its length, both over the gradient's length.
    pub(super) fn momentum(&self) -> (f64, f64) {
        (self.along[0] * self.buffer, self.buffer)
    }
}

/// Where the input and the next buffer point: unit vectors, by the gradient and the old buffer.
struct Directions {
    /// The component of the input along the buffer.
    input_kept: f64,
    /// The component of the next buffer along the buffer.
    next_kept: f64,
    /// The cosine between the input and the next buffer.
    shared: f64,
    /// The length of the next buffer over that of a gradient of scale 1.
    length: f64,
}

impl Input {
    fn directions(&self, buffer: f64, scale: f64) -> Directions {
        let unit = |gradient: f64, buffer: f64| {
            let length = gradient.hypot(buffer);
            match length > 0.0 {
                true => (gradient / length, buffer / length, length),
                false => (1.0, 0.0, 0.0),
            }
        };
        let (fresh, input_kept, _) = unit(self.fresh * scale, self.kept * buffer);
        let (entry, next_kept, length) = unit(self.entry * scale, self.decay * buffer);
        Directions {
            input_kept,
            next_kept,
            shared: fresh * entry + input_kept * next_kept,
            length,
        }
    }

    /// `S = Σ_{j≥1} k^(j−1) ρ_j` over the correlations `ρ_j` of updates that are `j` steps apart, at
    /// gradients of steady length.
    fn remembered(&self, weights: &Weights, k: f64) -> f64 {
        let steady = self.entry / (1.0 - self.decay * self.decay).sqrt();
        let at = self.directions(steady, 1.0);
        let term = |(weight, power): (&f64, &i32)| {
            let lag_one = (at.input_kept * at.shared).powi(*power);
            weight * lag_one / (1.0 - k * self.decay.powi(*power))
        };
        weights.iter().zip(&POWERS).map(term).sum()
    }

    /// One step of a layer.
    pub(super) fn step(
        &self,
        settings: &Settings,
        layer: &LayerState,
        lr: LearningRate,
        scale: GradientScale,
    ) -> Step {
        let memory = &layer.memory;
        let at = self.directions(memory.buffer, scale.get());
        let terms = || memory.weights.iter().zip(&POWERS).zip(&memory.along);
        let inner = |((weight, power), along): ((&f64, &i32), &f64)| {
            weight.sqrt() * at.input_kept.powi(*power) * along
        };
        let cosine = terms().map(inner).sum::<f64>().clamp(-1.0, 1.0);
        let across = (1.0 - cosine * cosine).sqrt();
        let update = Vector::new(cosine, 0.0, across).times(layer.elr().get());
        let to = Move::of(settings.decay.direct(lr), lr, update);
        let next = |((weight, power), along): ((&f64, &i32), &f64)| {
            let kept = to.kept() * at.next_kept.powi(*power) * along;
            let moved = to.moved() * weight.sqrt() * at.shared.powi(*power);
            (kept - moved).clamp(-1.0, 1.0)
        };
        let mut along = Weights::default();
        along
            .iter_mut()
            .zip(terms())
            .for_each(|(a, t)| *a = next(t));
        let memory = Memory {
            weights: memory.weights,
            buffer: (at.length * to.growth()).min(LONGEST_BUFFER),
            along,
        };
        layer.moved_with(to, memory)
    }

    /// The limit of small steps (T38): `E⁻²` grows by `λ²τ` a step, `τ = 1 + 2Σρ_j`.
    pub(super) fn flow(&self, weights: &Weights, settings: &Settings, lr: LearningRate) -> Flow {
        let tau = 1.0 + 2.0 * self.remembered(weights, 1.0);
        Flow {
            lr: (lr.get() * tau.sqrt()).min(f64::MAX),
            decay: settings.decay.share(lr),
            measure: Measure::Update,
        }
    }

    /// With `k = 1 − λγ`: `(λE)² = (1 − k²)/(1 + 2kS)` and `cos(turn) = k + (λE)²S` (T38).
    pub(super) fn equilibrium(
        &self,
        weights: &Weights,
        settings: &Settings,
        lr: LearningRate,
    ) -> Option<Equilibrium> {
        let share = settings.decay.share(lr);
        let k = 1.0 - share;
        let remembered = self.remembered(weights, k);
        let lengthened = 1.0 + 2.0 * k * remembered;
        (share > 0.0 && share < 2.0).then(|| Equilibrium {
            tangent: (share * (1.0 + k) / lengthened).sqrt(),
            turn: Turn::from_versine(share * (1.0 - share * remembered) / lengthened),
        })
    }
}
