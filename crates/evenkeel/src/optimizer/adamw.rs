//! AdamW: Adam with decoupled decay, `w′ = (1 − ηγ)w − ηm̂/√v̂` (T19). At equilibrium every layer
//! turns by about `√(2ηγ(1 − β₁)/(1 + β₁))` a step. Source: Loshchilov & Hutter 2019.

use super::{Decay, Entry, Kind, LayerState, Measure, Settings, adam};

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::AdamW,
    name: "adamw",
    grammar: "adamw[:beta1=BETA1,beta2=BETA2,decay=GAMMA]",
    summary: "Adam with decoupled weight decay, none unless given (T19)",
    measure: Measure::Update,
    defaults: Settings {
        decay: Decay::None,
        ..Settings::USUAL
    },
    keys: &["beta1", "beta2", "decay"],
    start: |_, elr| LayerState::fresh(elr),
    step: adam::step,
    equilibrium: |settings, lr| adam::filter(settings, lr).equilibrium(),
    flow: |settings, lr| adam::filter(settings, lr).flow(lr, settings.momentum, Measure::Update),
};
