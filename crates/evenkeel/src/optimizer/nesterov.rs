//! Nesterov momentum in the form of PyTorch and Burn: `m′ = μm + g̃`, `w′ = kw − λ(g̃ + μm′)`.
//!
//! With `u = g + μm′ = (1 + μ)g + μ²m` the recurrence needs no more than that of T15 and T17:
//! `M′ = μ²M + G`, `A′ = k²A − 2λkμ²B + λ²((1 + μ)²G + μ⁴M)`,
//! `B′ = kμB − λ((1 + μ)G + μ³M)`.
//! The long-run growth is that of heavy ball, an effective rate of `λ/(1 − μ)`.

use super::state::Move;
use super::{Decay, Entry, Kind, LayerState, Measure, Settings};
use crate::equilibrium::Filter;
use crate::quantity::LearningRate;

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::Nesterov,
    name: "nesterov",
    grammar: "nesterov[:mu=MU,l2=GAMMA | decay=GAMMA]",
    summary: "Nesterov momentum, mu 0.9 unless given (T15-T17)",
    measure: Measure::Gradient,
    defaults: Settings::USUAL,
    keys: &["mu", "l2", "decay"],
    start: |_, elr| LayerState::fresh(elr),
    step: |settings, layer, lr, scale| {
        let mu = settings.momentum.get();
        let gradient = layer.gradient(settings.decay.in_gradient(), scale);
        let buffer = layer.buffer.times(mu).plus(gradient);
        let update = gradient.plus(buffer.times(mu));
        layer.moved(Move::of(settings.decay.direct(lr), lr, update), buffer)
    },
    equilibrium: |settings, lr| filter(settings, lr).equilibrium(),
    flow: |settings, lr| filter(settings, lr).flow(lr, settings.momentum, Measure::Gradient),
};

/// Eliminating `m`, with `g ↦ (1 + μ)g − μg₋` (the gradient before): `w″ = (1 + μ)kw′ − μkw` with
/// coupled and `w″ = (k + μ)w′ − kμw` with decoupled decay.
fn filter(settings: &Settings, lr: LearningRate) -> Filter {
    let (mu, share) = (settings.momentum.get(), settings.decay.share(lr));
    let coupled = matches!(settings.decay, Decay::Coupled(_));
    Filter {
        second: -mu * (1.0 - share),
        gap: if coupled { share } else { share * (1.0 - mu) },
        echo: -mu / (1.0 + mu),
        gain: 1.0 + mu,
    }
}
