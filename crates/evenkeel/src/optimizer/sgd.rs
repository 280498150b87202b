//! Plain SGD: `w′ = w − λ(g + γw)` (T4–T5). Coupled and decoupled decay are the same here, and the
//! weight settles at `λE = √(λγ(2 − λγ))` (T18).

use super::state::Move;
use super::{Entry, Kind, LayerState, Measure, Settings, momentum};

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::Sgd,
    name: "sgd",
    grammar: "sgd[:l2=GAMMA | decay=GAMMA]",
    summary: "plain stochastic gradient descent (T4, T5)",
    measure: Measure::Gradient,
    defaults: Settings::PLAIN,
    keys: &["l2", "decay"],
    start: |_, elr| LayerState::fresh(elr),
    step: |settings, layer, lr, scale| {
        let gradient = layer.gradient(settings.decay.in_gradient(), scale);
        let to = Move::of(settings.decay.direct(lr), lr, gradient);
        layer.moved(to, Default::default())
    },
    equilibrium: |settings, lr| momentum::filter(settings, lr).equilibrium(),
    flow: |settings, lr| {
        momentum::filter(settings, lr).flow(lr, settings.momentum, Measure::Gradient)
    },
};
