//! Optimisers: how one step of each changes effective learning rates (T4–T5, T15–T19).
//!
//! The model is that of the theory: gradients perpendicular to the weight (T1), of norm
//! `c/‖w‖` with a steady base gradient `c`, and uncorrelated with all earlier ones. A layer is then
//! a [`LayerState`], in which weights are measured in units of their own norm, and everything
//! follows from its ELR. An optimiser is one file under `optimizer/` and one row in [`ALL`].

mod adam;
mod adamw;
mod momentum;
mod nesterov;
mod settings;
mod sgd;
mod state;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::equilibrium::{Equilibrium, Filter};
use crate::flow::Flow;
use crate::quantity::{Elr, GradientScale, LearningRate, Momentum, RescaleFactor, WeightDecay};

pub use settings::{Decay, OptimizerError, Settings};
pub use state::{LayerState, Step};

/// Which effective learning rate an optimiser goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// `‖∇W‖/‖W‖`, which scaling `W` by `a` divides by `a²` (T2).
    Gradient,
    /// `‖ΔW‖/(λ‖W‖)`, for updates that do not depend on the gradient's length (T19): scaling `W`
    /// by `a` divides it by `a`.
    Update,
}

impl Measure {
    /// The `p` of `E → E/a^p` under `W → aW`.
    pub fn power(self) -> f64 {
        match self {
            Self::Gradient => 2.0,
            Self::Update => 1.0,
        }
    }
}

/// A row of [`ALL`]: an optimiser, how it is written and how it steps.
#[derive(Debug)]
pub struct Entry {
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
    step: fn(&Settings, &LayerState, LearningRate, GradientScale) -> Step,
    filter: fn(&Settings, LearningRate) -> Filter,
}

/// Every optimiser.
pub const ALL: &[Entry] = &[
    sgd::ENTRY,
    momentum::ENTRY,
    nesterov::ENTRY,
    adam::ENTRY,
    adamw::ENTRY,
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
            },
        )
    }

    fn with(entry: &'static Entry, settings: Settings) -> Self {
        Self { entry, settings }
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
    /// Adam-type `‖ΔW‖/(λ‖W‖)`, which at the first step is `√n/‖W‖` for `n` entries.
    pub fn start(&self, elr: Elr) -> LayerState {
        LayerState::fresh(elr)
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
        (self.entry.filter)(&self.settings, lr).equilibrium()
    }

    /// The limit of small steps at a constant rate: how fast norms grow and shrink (T9).
    pub fn flow(&self, lr: LearningRate) -> Flow {
        let filter = (self.entry.filter)(&self.settings, lr);
        filter.flow(lr, self.settings.momentum, self.measure())
    }
}

impl PartialEq for Optimizer {
    fn eq(&self, other: &Self) -> bool {
        self.entry.name == other.entry.name && self.settings == other.settings
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
