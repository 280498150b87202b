//! Which layers a controller steers, in which order.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::quote::quote;

/// A layer: a weight by its name, as a whole or divided into units.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layer {
    /// The name, unique in the network.
    pub name: String,
    /// How many readings it has: 1 as a whole, else one for each unit.
    pub parts: usize,
}

/// The layers of a network in order. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Layer>", into = "Vec<Layer>")]
pub struct Layers(Arc<[Layer]>);

/// Layers that cannot be told apart, or have no parts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayersError {
    /// Two layers of one name.
    #[error("there are two layers called {}; give each its full path", quote(name))]
    Repeated {
        /// The name.
        name: String,
    },
    /// A layer without parts.
    #[error(
        "layer {} has 0 parts, but must have at least 1; leave it out",
        quote(name)
    )]
    Empty {
        /// The name.
        name: String,
    },
}

impl Layers {
    /// Layers with their parts.
    ///
    /// # Errors
    /// [`LayersError`] for two layers of one name, or one without parts.
    pub fn new(layers: impl IntoIterator<Item = Layer>) -> Result<Self, LayersError> {
        let layers: Arc<[Layer]> = layers.into_iter().collect();
        let mut seen = HashSet::new();
        for Layer { name, parts } in layers.iter() {
            let name = || name.clone();
            if *parts == 0 {
                return Err(LayersError::Empty { name: name() });
            }
            if !seen.insert(name()) {
                return Err(LayersError::Repeated { name: name() });
            }
        }
        Ok(Self(layers))
    }

    /// Layers that are read as wholes.
    ///
    /// # Errors
    /// [`LayersError::Repeated`] for two layers of one name.
    pub fn whole<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, LayersError> {
        let whole = |name: S| Layer {
            name: name.into(),
            parts: 1,
        };
        Self::new(names.into_iter().map(whole))
    }

    /// Whole layers called `0` to `count − 1`.
    pub fn numbered(count: usize) -> Self {
        let layer = |number: usize| Layer {
            name: number.to_string(),
            parts: 1,
        };
        Self((0..count).map(layer).collect())
    }

    /// The number of readings: one for each part of each layer.
    pub fn parts(&self) -> usize {
        self.0.iter().map(|layer| layer.parts).sum()
    }

    /// The layers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Layer> {
        self.0.iter()
    }

    /// Whether these are the same layers in the same order.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }
}

impl<'a> IntoIterator for &'a Layers {
    type Item = &'a Layer;
    type IntoIter = std::slice::Iter<'a, Layer>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<Layer>> for Layers {
    type Error = LayersError;

    fn try_from(layers: Vec<Layer>) -> Result<Self, LayersError> {
        Self::new(layers)
    }
}

impl From<Layers> for Vec<Layer> {
    fn from(layers: Layers) -> Self {
        layers.0.to_vec()
    }
}
