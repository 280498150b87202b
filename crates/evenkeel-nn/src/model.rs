//! Models. One file a model under `model/`, one row in [`ALL`].
//!
//! A model is a function from a [`Shape`] to a list of [`Layer`]s. Everything else follows from
//! that list: the network itself, its parameter count, and what other frameworks rebuild it from.

mod conv;
mod gpt;
mod mlp;
pub mod refusal;
mod resnet;
pub mod shape;
mod transformer;
mod vit;

use std::fmt;

use crate::choice::Choice;
use crate::layer::activation::{self, Activation};
use crate::layer::init::{self, Init};
use crate::layer::norm::{self, Norm};
use crate::layer::{Layer, parameters};
use refusal::Refusal;
use shape::Shape;

/// The defaults of a model.
#[derive(Debug)]
pub struct Defaults {
    /// Depth, as the model counts it.
    pub depth: usize,
    /// Width, as the model counts it, by depth.
    pub width: fn(usize) -> usize,
    /// Normalization.
    pub norm: Norm,
    /// Activation.
    pub activation: Activation,
    /// Initialisation.
    pub init: Init,
}

impl fmt::Display for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let norm = Choice::name_of(norm::ALL, self.norm);
        let activation = Choice::name_of(activation::ALL, self.activation);
        let init = Choice::name_of(init::ALL, self.init);
        let (depth, width) = (self.depth, (self.width)(self.depth));
        write!(f, "{depth} x {width}, {norm}, {activation}, {init}")
    }
}

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for help texts, with what depth counts.
    pub summary: &'static str,
    /// The model's defaults.
    pub defaults: Defaults,
    /// Whether it has shortcuts.
    shortcuts: bool,
    layers: fn(&Shape) -> Result<Vec<Layer>, Refusal>,
}

/// Every model.
pub const ALL: &[Entry] = &[
    mlp::ENTRY,
    conv::ENTRY,
    resnet::ENTRY,
    vit::ENTRY,
    gpt::PRE,
    gpt::POST,
    gpt::QUERY_KEY,
    gpt::NORMALIZED,
];

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// The most parameters that a model may have: more than a CPU can train, and less than would fill
/// the memory after a typing error.
const MAX_PARAMETERS: usize = 1 << 30;

impl Entry {
    /// The layers of the model in a shape.
    ///
    /// # Errors
    /// [`Refusal`] says what the model cannot be and what it can.
    pub fn layers(&self, shape: &Shape) -> Result<Vec<Layer>, Refusal> {
        if !shape.shortcuts && !self.shortcuts {
            return Err(Refusal::NoShortcuts);
        }
        let layers = (self.layers)(shape)?;
        match parameters(&layers) {
            given if given > MAX_PARAMETERS => Err(Refusal::TooLarge {
                given,
                most: MAX_PARAMETERS,
            }),
            _ => Ok(layers),
        }
    }
}
