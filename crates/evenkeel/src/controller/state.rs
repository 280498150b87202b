//! What a controller remembers between steps.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Layer, Layers, Reading};
use crate::quantity::{LrMultiplier, QuantityError, RescaleFactor};

/// Words of a state before its vectors.
const HEAD: usize = 7;

/// What a controller remembers. A controller [resumed](super::Controller::resumed) from it goes on as
/// the one that was left.
///
/// Vectors have one entry for each part of `layers`, those of the last step first, then those that
/// have gone. They are empty before the first step. Serde writes numbers as their bits
/// ([`ControllerState::words`]), so that every format reads back the same state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "Recorded", try_from = "Recorded")]
#[non_exhaustive]
pub struct ControllerState {
    /// Steps taken so far.
    pub steps: u64,
    /// The layers seen so far.
    pub layers: Layers,
    /// The multiplier of each part in the last step.
    pub multipliers: Vec<LrMultiplier>,
    /// `‖W‖` of each part as its first step found it, rescaled if that step began with it; 0 for a part
    /// that was zero so far.
    pub initial_norms: Vec<f64>,
    /// The angle that weights have turned so far, in radians: summed over steps, mean over layers.
    pub path: f64,
    /// Steps in a row in which nothing was changed.
    pub idle_steps: u32,
    /// The largest target rate of those steps.
    pub idle_target: f64,
    /// Steps until the rate first reached its target: the length of the warm-up.
    pub warmup_steps: Option<u64>,
}

/// A state that cannot have been written by a controller.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The number of words does not fit the layers.
    #[error(
        "the controller's state has {found} words, but must have {expected} for its layers; the file is damaged"
    )]
    Length {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A number that a state cannot have.
    #[error("the controller's state is damaged: {0}")]
    Number(#[from] QuantityError),
}

/// The state as serde writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recorded {
    layers: Layers,
    words: Vec<u64>,
}

impl ControllerState {
    /// Everything but the layers as `7 + 2·parts` words: counts as they are, other numbers as the bits of
    /// 64-bit floats.
    pub fn words(&self) -> Vec<u64> {
        let parts = self.layers.parts();
        let or = |values: Vec<f64>, new: f64| match values.is_empty() {
            true => vec![new; parts],
            false => values,
        };
        let multipliers = self.multipliers.iter().map(|m| m.get()).collect();
        let head = [
            self.steps,
            u64::from(!self.multipliers.is_empty()),
            u64::from(!self.initial_norms.is_empty()),
            self.path.to_bits(),
            u64::from(self.idle_steps),
            self.idle_target.to_bits(),
            self.warmup_steps.map_or(0, |steps| steps + 1),
        ];
        let vectors = [or(multipliers, 1.0), or(self.initial_norms.clone(), 0.0)].concat();
        head.into_iter()
            .chain(vectors.iter().map(|x| x.to_bits()))
            .collect()
    }

    /// The state of these layers that was written as `words`.
    ///
    /// # Errors
    /// [`StateError`] for words that no state has.
    pub fn of_words(layers: Layers, words: &[u64]) -> Result<Self, StateError> {
        let parts = layers.parts();
        let length = StateError::Length {
            found: words.len(),
            expected: HEAD + 2 * parts,
        };
        let (head, vectors) = words.split_first_chunk::<HEAD>().ok_or(length.clone())?;
        if vectors.len() != 2 * parts {
            return Err(length);
        }
        let (multipliers, norms) = vectors.split_at(parts);
        let [
            steps,
            multiplied,
            begun,
            path,
            idle_steps,
            idle_target,
            warmup,
        ] = *head;
        let known = |flag: u64, values: &[u64]| match flag {
            0 => Vec::new(),
            _ => values.iter().map(|bits| f64::from_bits(*bits)).collect(),
        };
        let multipliers = known(multiplied, multipliers).into_iter();
        Ok(Self {
            steps,
            layers,
            multipliers: multipliers
                .map(LrMultiplier::new)
                .collect::<Result<_, _>>()?,
            initial_norms: known(begun, norms),
            path: f64::from_bits(path),
            idle_steps: u32::try_from(idle_steps).unwrap_or(u32::MAX),
            idle_target: f64::from_bits(idle_target),
            warmup_steps: warmup.checked_sub(1),
        })
    }

    /// Puts `layers` first, in their order, with all that is remembered of them.
    ///
    /// A layer that is divided into another number of parts begins anew.
    pub(super) fn arrange(&mut self, layers: &Layers) {
        if self.layers.same(layers) {
            return;
        }
        let mut start = 0;
        let mut known: HashMap<&Layer, usize> = HashMap::new();
        for layer in &self.layers {
            known.insert(layer, start);
            start += layer.parts;
        }
        let gone = self.layers.iter().filter(|layer| {
            let stays = |other: &Layer| other.name == layer.name;
            !layers.iter().any(stays)
        });
        let all: Vec<Layer> = layers.iter().chain(gone).cloned().collect();
        let places: Vec<Option<usize>> = all
            .iter()
            .flat_map(|layer| {
                let start = known.get(layer).copied();
                (0..layer.parts).map(move |part| start.map(|start| start + part))
            })
            .collect();
        self.multipliers = rearranged(&self.multipliers, &places, LrMultiplier::ONE);
        self.initial_norms = rearranged(&self.initial_norms, &places, 0.0);
        self.layers =
            Layers::new(all).expect("names are unique: those that stay were filtered out");
    }

    /// Notes the norm of each part that has one for the first time.
    pub(super) fn begin(&mut self, readings: &[Reading], factors: &[RescaleFactor]) {
        let parts = self.layers.parts();
        self.initial_norms.resize(parts, 0.0);
        // Mostly all have begun.
        if self.initial_norms[..readings.len()].contains(&0.0) {
            let norms = readings.iter().zip(factors);
            for (start, (reading, factor)) in self.initial_norms.iter_mut().zip(norms) {
                let norm = reading.weight_norm * factor.get();
                if *start == 0.0 && norm.is_finite() {
                    *start = norm;
                }
            }
        }
    }
}

impl From<ControllerState> for Recorded {
    fn from(state: ControllerState) -> Self {
        Self {
            words: state.words(),
            layers: state.layers,
        }
    }
}

impl TryFrom<Recorded> for ControllerState {
    type Error = StateError;

    fn try_from(recorded: Recorded) -> Result<Self, StateError> {
        Self::of_words(recorded.layers, &recorded.words)
    }
}

/// The values at `places`; nothing as long as nothing is remembered.
fn rearranged<T: Copy>(values: &[T], places: &[Option<usize>], new: T) -> Vec<T> {
    if values.is_empty() {
        return Vec::new();
    }
    let value = |place: &Option<usize>| place.map_or(new, |place| values[place]);
    places.iter().map(value).collect()
}
