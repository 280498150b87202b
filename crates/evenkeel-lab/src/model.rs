//! Models. One file a model under `model/`, one row in [`ALL`].
//!
//! A model is a function from a [`Shape`] to a list of [`Layer`]s. Everything else follows from
//! that list: the network itself, its parameter count, and what other frameworks rebuild it from.

pub mod activation;
pub mod choice;
pub mod init;
pub mod layer;
mod mlp;
mod net;
pub mod norm;
pub mod signal;
mod weights;

use std::fmt;

use burn::module::Module;
use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};

use crate::example::{Example, Input};
use crate::seed::Rng;
use activation::Activation;
use choice::Choice;
use init::Init;
use layer::Layer;
use net::Net;
use norm::Norm;
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

/// The shape of a model on a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Depth, as the model counts it.
    pub depth: usize,
    /// Width, as the model counts it.
    pub width: usize,
    /// What one input is.
    pub example: Example,
    /// Number of classes.
    pub classes: usize,
    /// What follows the weights.
    pub norm: Norm,
    /// What follows the normalizations.
    pub activation: Activation,
}

/// What a model is built with where nothing else is asked for.
#[derive(Debug)]
pub struct Defaults {
    /// Depth, as the model counts it.
    pub depth: usize,
    /// Width, as the model counts it.
    pub width: usize,
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
        let (depth, width) = (self.depth, self.width);
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
    /// The layers of a shape.
    pub layers: fn(&Shape) -> Vec<Layer>,
}

/// Every model.
pub const ALL: &[Entry] = &[mlp::ENTRY];

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

impl Entry {
    /// Does a task with the type that this row stands for.
    pub fn run<T: Task>(&self, task: T) -> T::Output {
        task.with::<Net>()
    }
}
