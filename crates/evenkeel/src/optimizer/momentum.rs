//! Heavy-ball momentum: `m′ = μm + g̃`, `w′ = kw − λm′` (T15–T17).
//!
//! `g̃ = g + γw` and `k = 1` with coupled decay, `g̃ = g` and `k = 1 − λγ` with decoupled decay.

use super::state::Move;
use super::{Decay, Entry, Kind, LayerState, Measure, Settings};
use crate::equilibrium::Filter;
use crate::quantity::LearningRate;

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::Momentum,
    name: "momentum",
    grammar: "momentum[:mu=MU,l2=GAMMA | decay=GAMMA]",
    summary: "heavy-ball momentum, mu 0.9 unless given (T15-T17)",
    measure: Measure::Gradient,
    defaults: Settings::USUAL,
    keys: &["mu", "l2", "decay"],
    start: |_, elr| LayerState::fresh(elr),
    step: |settings, layer, lr, scale| {
        let gradient = layer.gradient(settings.decay.in_gradient(), scale);
        let buffer = layer.buffer.times(settings.momentum.get()).plus(gradient);
        let to = Move::of(settings.decay.direct(lr), lr, buffer);
        layer.moved(to, buffer)
    },
    equilibrium: |settings, lr| filter(settings, lr).equilibrium(),
    flow: |settings, lr| filter(settings, lr).flow(lr, settings.momentum, Measure::Gradient),
};

/// Eliminating `m`: `w″ = (1 + μ − λγ)w′ − μw − λg` with coupled and
/// `w″ = (k + μ)w′ − kμw − λg` with decoupled decay.
pub(super) fn filter(settings: &Settings, lr: LearningRate) -> Filter {
    let (mu, share) = (settings.momentum.get(), settings.decay.share(lr));
    let coupled = matches!(settings.decay, Decay::Coupled(_));
    Filter {
        second: if coupled { -mu } else { -mu * (1.0 - share) },
        gap: if coupled { share } else { share * (1.0 - mu) },
        echo: 0.0,
        gain: 1.0,
    }
}
