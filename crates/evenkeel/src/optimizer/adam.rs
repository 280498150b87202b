//! Adam: `w′ = w − ηm̂/√v̂` (T19), with decoupled decay in its neighbour `adamw`.
//!
//! The second moment is taken at its mean over entries, and Adam's ε as zero. Bias-corrected
//! moments are running means, `m̂′ = (1 − p)m̂ + pg` with `p = (1 − β)/(1 − β^t)` at step `t`. Only
//! ratios to `√v̂` are kept, so the gradient's length cancels, up to the lag of `v̂` behind it.
//!
//! Accuracy: the mean over entries is exact at the first step and good to the order of `1 − β₂`
//! where norms are steady over `1/(1 − β₂)` steps. Otherwise entries differ by their own past:
//! measured on vectors, `‖w‖²` is off by up to 4 % after a first turn of 0.3, by 8 % after one of
//! 45°, and by a third or more beyond (`crates/evenkeel/tests/optimizers.rs`). L2 in the gradient
//! is not offered: how it weighs against the gradient is not known from the update's ELR.
//! Source: Kingma & Ba 2015.

use super::state::Move;
use super::{Entry, Kind, LayerState, Measure, Settings, Step, momentum};
use crate::equilibrium::Filter;
use crate::quantity::{GradientScale, LearningRate, Momentum};
use crate::vector::Vector;

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::Adam,
    name: "adam",
    grammar: "adam[:beta1=BETA1,beta2=BETA2]",
    summary: "Adam without weight decay (T19)",
    measure: Measure::Update,
    defaults: Settings::USUAL,
    keys: &["beta1", "beta2"],
    start: |_, elr| LayerState::fresh(elr),
    step,
    equilibrium: |settings, lr| filter(settings, lr).equilibrium(),
    flow: |settings, lr| filter(settings, lr).flow(lr, settings.momentum, Measure::Update),
};

pub(super) fn step(
    settings: &Settings,
    layer: &LayerState,
    lr: LearningRate,
    scale: GradientScale,
) -> Step {
    let steps = layer.steps.saturating_add(1);
    let (first, second) = (
        share(settings.momentum, steps),
        share(settings.second, steps),
    );
    // √(v̂′/v̂), and the gradient, both in units of √v̂ before the step.
    let gradient = layer.surprise * scale.get();
    let root = (1.0 - second).sqrt().hypot(second.sqrt() * gradient);
    let root = root.clamp(f64::MIN_POSITIVE, f64::MAX);
    let fresh = Vector::new(0.0, 0.0, first * (gradient / root));
    let moment = layer.buffer.times((1.0 - first) / root).plus(fresh);
    let update = moment.times(layer.elr().get());
    let to = Move::of(settings.decay.direct(lr), lr, update);
    layer.moved_normalized(to, moment, layer.surprise / root)
}

/// The weight `(1 − β)/(1 − β^t)` of the newest value in a bias-corrected mean.
fn share(beta: Momentum, steps: u32) -> f64 {
    let power = beta.get().powf(f64::from(steps));
    (1.0 - beta.get()) / (1.0 - power)
}

/// Heavy ball on gradients of fixed length, with `m′ = β₁m + (1 − β₁)g`.
pub(super) fn filter(settings: &Settings, lr: LearningRate) -> Filter {
    Filter {
        gain: 1.0 - settings.momentum.get(),
        ..momentum::filter(settings, lr)
    }
}

/// The root mean square of Adam's update at a steady gradient with noise, for a signal of `signal`
/// times the noise's standard deviation: `√((s² + (1 − β₁)/(1 + β₁))/(1 + s²))` (T41).
///
/// Noise alone gives 0.229 at `β₁ = 0.9`, and a signal without noise 1.
pub fn update_rms(first: Momentum, signal: f64) -> f64 {
    let noise = (1.0 - first.get()) / (1.0 + first.get());
    let square = signal * signal;
    match square.is_finite() {
        true => ((square + noise) / (1.0 + square)).sqrt(),
        false => 1.0,
    }
}
