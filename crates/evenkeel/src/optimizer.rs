//! Optimisers: how one step of each changes effective learning rates (T4–T5, T15–T19, T37–T41).
//!
//! The model is that of the theory: gradients perpendicular to the weight (T1), of norm
//! `c/‖w‖` with a steady base gradient `c`, and uncorrelated with all earlier ones. A layer is then
//! a [`LayerState`], in which weights are measured in units of their own norm, and everything
//! follows from its ELR. An optimiser is one file under `optimizer/` and one row in [`ALL`].

mod adam;
mod adamw;
mod lion;
mod momentum;
mod muon;
mod nesterov;
mod normalized;
mod settings;
mod sgd;
mod shape;
mod state;

use std::fmt;
use std::str::FromStr;

use crate::equilibrium::Equilibrium;
use crate::flow::Flow;
use crate::quantity::{Elr, GradientScale, LearningRate, Momentum, RescaleFactor, WeightDecay};

pub use crate::measure::Measure;
pub use adam::update_rms as adam_update_rms;
pub use muon::Adjust;
pub use settings::{Decay, OptimizerError, Settings};
pub use shape::Shape;
pub use state::{LayerState, Step};

/// Which optimiser: what code that treats optimisers differently matches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Plain SGD.
    Sgd,
    /// Heavy-ball momentum.
    Momentum,
    /// Nesterov momentum.
    Nesterov,
    /// Adam without decay.
    Adam,
    /// Adam with decoupled decay.
    AdamW,
    /// Lion.
    Lion,
    /// Muon.
    Muon,
}

/// A row of [`ALL`]: an optimiser, how it is written and how it steps.
#[derive(Debug)]
pub struct Entry {
    /// Which optimiser it is.
    pub kind: Kind,
    /// The name on the command line.
    pub name: &'static str,
    /// How it is written, with its settings.
    pub grammar: &'static str,
    /// One line for help texts, with the equation.
    pub summary: &'static str,
    /// The ELR it goes by.
    pub measure: Measure,
    /// The settings it starts from when none are given.
    defaults: Settings,
    /// The keys of the settings that may be given.
    keys: &'static [&'static str],
    start: fn(&Settings, Elr) -> LayerState,
    step: fn(&Settings, &LayerState, LearningRate, GradientScale) -> Step,
    equilibrium: fn(&Settings, LearningRate) -> Option<Equilibrium>,
    flow: fn(&Settings, LearningRate) -> Flow,
}

/// Every optimiser.
pub const ALL: &[Entry] = &[
    sgd::ENTRY,
    momentum::ENTRY,
    nesterov::ENTRY,
    adam::ENTRY,
    adamw::ENTRY,
    lion::ENTRY,
    muon::ENTRY,
];

/// An optimiser with checked settings: `NAME` or `NAME:KEY=VALUE,…` as text.
#[derive(Debug, Clone, Copy)]
pub struct Optimizer {
    entry: &'static Entry,
    settings: Settings,
}

impl Optimizer {
    /// `w′ = w − λg`, with or without decay (T4, T18).
    pub fn sgd(decay: Decay) -> Self {
        Self::with(
            &sgd::ENTRY,
            Settings {
                decay,
                ..sgd::ENTRY.defaults
            },
        )
    }

    /// `m′ = μm + g`, `w′ = w − λm′` (T15–T17).
    pub fn heavy_ball(momentum: Momentum, decay: Decay) -> Self {
        let settings = Settings {
            momentum,
            decay,
            ..momentum::ENTRY.defaults
        };
        Self::with(&momentum::ENTRY, settings)
    }

    /// `m′ = μm + g`, `w′ = w − λ(g + μm′)`, as PyTorch and Burn write it (T15–T17).
    pub fn nesterov(momentum: Momentum, decay: Decay) -> Self {
        let settings = Settings {
            momentum,
            decay,
            ..nesterov::ENTRY.defaults
        };
        Self::with(&nesterov::ENTRY, settings)
    }

    /// Adam without decay (T19).
    pub fn adam(first: Momentum, second: Momentum) -> Self {
        let settings = Settings {
            momentum: first,
            second,
            ..adam::ENTRY.defaults
        };
        Self::with(&adam::ENTRY, settings)
    }

    /// Adam with decoupled decay (T19).
    pub fn adamw(first: Momentum, second: Momentum, decay: WeightDecay) -> Self {
        let decay = Decay::Decoupled(decay);
        Self::with(
            &adamw::ENTRY,
            Settings {
                momentum: first,
                second,
                decay,
                ..adamw::ENTRY.defaults
            },
        )
    }

    fn with(entry: &'static Entry, settings: Settings) -> Self {
        Self { entry, settings }
    }

    /// Which optimiser it is.
    pub fn kind(&self) -> Kind {
        self.entry.kind
    }

    /// The row of [`ALL`] this optimiser comes from.
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// Its settings.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// The ELR it goes by: what to measure on a network, and what forecasts are about.
    pub fn measure(&self) -> Measure {
        self.entry.measure
    }

    /// A layer before its first step, with empty buffers.
    ///
    /// `elr` is the ELR of the first step by this optimiser's [`Measure`]: `‖∇W‖/‖W‖`, or for
    /// updates of a fixed length `‖ΔW‖/(λ‖W‖)`, which is [`update_norm`](Self::update_norm) over
    /// `‖W‖` at the first step.
    pub fn start(&self, elr: Elr) -> LayerState {
        (self.entry.start)(&self.settings, elr)
    }

    /// The Frobenius norm of a first update at rate 1: `√n` for Adam and Lion on `n` entries, and
    /// for Muon that of an orthogonalised matrix of noise, adjusted to its shape (T39). `None` for
    /// updates as long as the gradient.
    pub fn update_norm(&self, shape: Shape) -> Option<f64> {
        match (self.kind(), self.measure()) {
            (Kind::Muon, _) => Some(muon::update_norm(&self.settings, shape)),
            (_, Measure::Update) => Some(shape.entries().sqrt()),
            (_, Measure::Gradient) => None,
        }
    }

    /// The same for a weight of which only the number of entries is known. Muon takes it to have the
    /// aspect ratio of its own shape.
    pub fn update_norm_of(&self, entries: u64) -> Option<f64> {
        match self.kind() {
            Kind::Muon => self.update_norm(self.settings.shape.with_entries(entries)),
            _ => (self.measure() == Measure::Update).then(|| (entries as f64).sqrt()),
        }
    }

    /// One step at rate λ. A layer under a rate of its own (T23) takes that rate here; decay goes
    /// by the same rate.
    pub fn step(&self, layer: &LayerState, lr: LearningRate) -> Step {
        self.step_scaled(layer, lr, GradientScale::ONE)
    }

    /// One step in which the gradient is `scale` times what a steady base gradient gives (T20).
    pub fn step_scaled(&self, layer: &LayerState, lr: LearningRate, scale: GradientScale) -> Step {
        (self.entry.step)(&self.settings, layer, lr, scale)
    }

    /// The layer after `W → aW` with its buffers carried along (T22): `E → E/a^p`, first moments by
    /// `1/a`, second moments by `1/a²`.
    pub fn rescale(&self, layer: &LayerState, factor: RescaleFactor) -> LayerState {
        layer.rescaled(factor, self.measure())
    }

    /// The equilibrium between growth and decay (T18, T19); `None` without decay, and for rates so
    /// large that the weight never settles.
    pub fn equilibrium(&self, lr: LearningRate) -> Option<Equilibrium> {
        (self.entry.equilibrium)(&self.settings, lr)
    }

    /// The limit of small steps at a constant rate: how fast norms grow and shrink (T9).
    pub fn flow(&self, lr: LearningRate) -> Flow {
        (self.entry.flow)(&self.settings, lr)
    }
}

impl PartialEq for Optimizer {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.settings == other.settings
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.settings.written(&self.entry.defaults, self.entry.keys);
        let separator = if given.is_empty() { "" } else { ":" };
        write!(f, "{}{separator}{given}", self.entry.name)
    }
}

impl FromStr for Optimizer {
    type Err = OptimizerError;

    fn from_str(text: &str) -> Result<Self, OptimizerError> {
        let (name, given) = text.split_once(':').unwrap_or((text, ""));
        let entry = ALL.iter().find(|entry| entry.name == name.trim());
        let entry = entry.ok_or_else(|| OptimizerError::unknown(text))?;
        let settings = entry.defaults.read(given, entry.keys, entry.grammar)?;
        Ok(Self::with(entry, settings))
    }
}
