//! What can be set on an optimiser, and how it is written.

use thiserror::Error;

use super::{ALL, Adjust, Shape};
use crate::quantity::{LearningRate, Momentum, QuantityError, WeightDecay};
use crate::quote::quote;

/// How a weight is made to shrink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// Not at all.
    None,
    /// L2: `γw` is added to the gradient and goes through the buffer with it (T16).
    Coupled(WeightDecay),
    /// Apart from the gradient, `w′ = (1 − λγ)w − …`, as in AdamW (T17).
    Decoupled(WeightDecay),
}

impl Decay {
    /// What is added to the gradient for each unit of weight: γ if coupled.
    pub(super) fn in_gradient(self) -> f64 {
        match self {
            Self::Coupled(decay) => decay.get(),
            Self::None | Self::Decoupled(_) => 0.0,
        }
    }

    /// The share λγ of the weight that a step takes off directly, if decoupled.
    pub(super) fn direct(self, lr: LearningRate) -> f64 {
        match self {
            Self::Decoupled(decay) => shrinkage(lr, decay),
            Self::None | Self::Coupled(_) => 0.0,
        }
    }

    /// The product λγ, however it acts.
    pub(super) fn share(self, lr: LearningRate) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Coupled(decay) | Self::Decoupled(decay) => shrinkage(lr, decay),
        }
    }
}

fn shrinkage(lr: LearningRate, decay: WeightDecay) -> f64 {
    (lr.get() * decay.get()).min(f64::MAX)
}

/// The settings of an optimiser. Each uses those its grammar names and ignores the others.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The momentum μ, or β₁ of Adam and Lion.
    pub momentum: Momentum,
    /// β₂ of Adam and Lion.
    pub second: Momentum,
    /// The weight decay.
    pub decay: Decay,
    /// The shape of the matrices that Muon acts on.
    pub shape: Shape,
    /// Whether Muon's momentum is Nesterov's.
    pub nesterov: bool,
    /// How Muon's rate is adjusted to the shape.
    pub adjust: Adjust,
}

/// An optimiser that could not be read.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// No such optimiser.
    #[error("unknown optimizer {}; permitted: {permitted}", quote(given))]
    Unknown {
        /// What was given.
        given: String,
        /// Every optimiser, as it is written.
        permitted: String,
    },
    /// A setting that this optimiser does not have, or that is not written KEY=VALUE.
    #[error(
        "optimizer setting {} is not understood; write {permitted}",
        quote(given)
    )]
    Setting {
        /// What was given.
        given: String,
        /// How the optimiser is written.
        permitted: &'static str,
    },
    /// A number outside its range.
    #[error("optimizer setting {}: {source}", quote(given))]
    Range {
        /// What was given.
        given: String,
        /// What is wrong with it.
        source: QuantityError,
    },
}

impl OptimizerError {
    pub(super) fn unknown(given: &str) -> Self {
        let permitted: Vec<&str> = ALL.iter().map(|entry| entry.grammar).collect();
        Self::Unknown {
            given: given.to_owned(),
            permitted: permitted.join(" | "),
        }
    }
}

impl Settings {
    /// No momentum, no decay.
    pub(super) const PLAIN: Self = Self {
        momentum: Momentum::NONE,
        second: Momentum::USUAL_SECOND,
        decay: Decay::None,
        shape: Shape::SQUARE,
        nesterov: true,
        adjust: Adjust::Original,
    };
    /// The customary momentum and no decay.
    pub(super) const USUAL: Self = Self {
        momentum: Momentum::USUAL,
        ..Self::PLAIN
    };

    /// These settings, with those of `text`, `KEY=VALUE,…`, in their place.
    pub(super) fn read(
        mut self,
        text: &str,
        keys: &[&str],
        grammar: &'static str,
    ) -> Result<Self, OptimizerError> {
        let mut seen = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let refuse = || OptimizerError::Setting {
                given: part.to_owned(),
                permitted: grammar,
            };
            let (key, value) = part.split_once('=').ok_or_else(refuse)?;
            // L2 and decoupled decay are one setting: giving both is giving it twice.
            let slot = if key == "l2" { "decay" } else { key };
            if !keys.contains(&key) || seen.contains(&slot) {
                return Err(refuse());
            }
            seen.push(slot);
            let given = part.to_owned();
            match key {
                "shape" => self.shape = value.parse().map_err(|()| refuse())?,
                "adjust" => self.adjust = value.parse().map_err(|()| refuse())?,
                "nesterov" => self.nesterov = yes_or_no(value).ok_or_else(refuse)?,
                _ => {
                    let value = value.parse().map_err(|_| refuse())?;
                    self.set(key, value)
                        .map_err(|source| OptimizerError::Range { given, source })?;
                }
            }
        }
        Ok(self)
    }

    fn set(&mut self, key: &str, value: f64) -> Result<(), QuantityError> {
        match key {
            "l2" => self.decay = Decay::Coupled(WeightDecay::new(value)?),
            "decay" => self.decay = Decay::Decoupled(WeightDecay::new(value)?),
            "beta2" => self.second = Momentum::new(value)?,
            _ => self.momentum = Momentum::new(value)?,
        }
        Ok(())
    }

    /// What differs from `defaults`, as [`Settings::read`] reads it with the same keys.
    pub(super) fn written(&self, defaults: &Self, keys: &[&str]) -> String {
        let mut parts = Vec::new();
        if self.momentum != defaults.momentum {
            let key = if keys.contains(&"mu") { "mu" } else { "beta1" };
            parts.push(format!("{key}={}", self.momentum));
        }
        if self.second != defaults.second {
            parts.push(format!("beta2={}", self.second));
        }
        match self.decay {
            same if same == defaults.decay => {}
            Decay::None => parts.push("decay=0".to_owned()),
            Decay::Coupled(decay) => parts.push(format!("l2={decay}")),
            Decay::Decoupled(decay) => parts.push(format!("decay={decay}")),
        }
        if self.shape != defaults.shape {
            parts.push(format!("shape={}", self.shape));
        }
        if self.nesterov != defaults.nesterov {
            let written = if self.nesterov { "yes" } else { "no" };
            parts.push(format!("nesterov={written}"));
        }
        if self.adjust != defaults.adjust {
            parts.push(format!("adjust={}", self.adjust));
        }
        parts.join(",")
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
