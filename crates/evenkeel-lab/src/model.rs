//! Models. One file a model under `model/`, one row in [`ALL`].
//!
//! A model is a function from a [`Shape`] to a list of [`Layer`]s. Everything else follows from
//! that list: the network itself, its parameter count, and what other frameworks rebuild it from.

pub mod activation;
pub mod choice;
mod conv;
mod draw;
mod gpt;
pub mod init;
pub mod layer;
mod mlp;
mod net;
pub mod norm;
pub mod refusal;
mod resnet;
mod sequence;
pub mod shape;
pub mod signal;
mod transformer;
mod vit;
mod weights;

use std::fmt;

use burn::module::Module;
use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};

use crate::example::Input;
use crate::seed::Rng;
use activation::Activation;
use choice::Choice;
use init::Init;
use layer::{Layer, parameters};
use net::Net;
use norm::Norm;
use refusal::Refusal;
use shape::Shape;
use signal::Signal;

/// Looks at a layer's name and output.
pub type Inspect<'a> = dyn FnMut(&str, &Signal) + 'a;

/// What the trainer needs of a model.
pub trait Network: Module {
    /// Builds the layers with weights drawn from `rng`.
    fn build(layers: &[Layer], init: Init, rng: &mut Rng, device: &Device) -> Self;

    /// Class scores `[batch, classes]`; of tokens `[batch · context, classes]`.
    fn forward(&self, input: Input) -> Tensor<2>;

    /// Calls `inspect` with the name and the output of each layer in order.
    fn trace(&self, input: Input, inspect: &mut Inspect);

    /// The layers, precise enough to rebuild the model elsewhere.
    fn layers(&self) -> Vec<Layer>;

    /// Every batch normalization, whose statistics are re-estimated before an evaluation.
    fn batch_norms(&mut self) -> Vec<&mut BatchNorm>;
}

/// What a model is built with where nothing else is asked for.
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
    /// What is not asked for.
    pub defaults: Defaults,
    /// Whether it has shortcuts to leave out.
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

/// Something to do with a network whose type only its row in the table knows.
pub trait Task {
    /// What comes of it.
    type Output;

    /// Does it with networks of type `N`.
    fn with<N: Network>(self) -> Self::Output;
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

    /// Does a task with the type that this row stands for.
    pub fn run<T: Task>(&self, task: T) -> T::Output {
        task.with::<Net>()
    }
}
