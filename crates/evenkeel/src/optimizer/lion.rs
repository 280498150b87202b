//! Lion: `u = sign(β₁m + (1 − β₁)g)`, `w′ = (1 − λγ)w − λu`, `m′ = β₂m + (1 − β₂)g` (T40).
//!
//! Signs of Gaussians with the correlation `r` have the correlation `(2/π) arcsin r`. Every update has
//! the length `√n`. Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms".

use std::f64::consts::FRAC_2_PI;

use super::normalized::{Input, Memory, Weights};
use super::{Decay, Entry, Kind, LayerState, Measure, Settings};
use crate::quantity::Momentum;

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::Lion,
    name: "lion",
    grammar: "lion[:beta1=BETA1,beta2=BETA2,decay=GAMMA]",
    summary: "Lion, beta1 0.9 and beta2 0.99 unless given (T40)",
    measure: Measure::Update,
    defaults: Settings {
        second: Momentum::USUAL_SECOND_OF_LION,
        decay: Decay::None,
        ..Settings::USUAL
    },
    keys: &["beta1", "beta2", "decay"],
    start: |_, elr| LayerState::remembering(elr, Memory::new(ARCSINE)),
    step: |settings, layer, lr, scale| input(settings).step(settings, layer, lr, scale),
    equilibrium: |settings, lr| input(settings).equilibrium(&ARCSINE, settings, lr),
    flow: |settings, lr| input(settings).flow(&ARCSINE, settings, lr),
};

/// `(2/π) arcsin r` as powers of `r`: the first two terms of its series, and the rest by least squares.
/// Within 0.012 for `r` up to 0.95.
const ARCSINE: Weights = [FRAC_2_PI, 0.1327, 0.0367, 1.0 - FRAC_2_PI - 0.1327 - 0.0367];

fn input(settings: &Settings) -> Input {
    let (first, second) = (settings.momentum.get(), settings.second.get());
    Input {
        fresh: 1.0 - first,
        kept: first,
        decay: second,
        entry: 1.0 - second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_arcsine() {
        assert!((ARCSINE.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        for step in 0..=95 {
            let r = f64::from(step) / 100.0;
            let powers = [r, r.powi(3), r.powi(7), r.powi(21)];
            let series: f64 = ARCSINE.iter().zip(powers).map(|(a, p)| a * p).sum();
            assert!((series - FRAC_2_PI * r.asin()).abs() < 0.0125, "{r}");
        }
    }
}
