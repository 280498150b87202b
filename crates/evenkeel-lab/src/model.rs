//! Models. One file a model under `model/`, one row in [`ALL`].

mod mlp;

use burn::module::Module;
use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};
use serde::Serialize;

use crate::example::{Example, Input};
use crate::seed::Rng;

/// Looks at a layer's name and flattened output, and says whether to go on.
pub type Inspect<'a> = dyn FnMut(&str, Tensor<1>) -> bool + 'a;

/// What the trainer needs of a model.
pub trait Network: Module {
    /// Builds the model with weights drawn from `rng`.
    fn build(shape: &Shape, rng: &mut Rng, device: &Device) -> Self;

    /// Class scores `[batch, classes]`; of tokens `[batch · context, classes]`.
    fn forward(&self, input: Input) -> Tensor<2>;

    /// Calls `inspect` with the name and the flattened output of each layer in order, until it
    /// returns `false`.
    fn trace(&self, input: Input, inspect: &mut Inspect);

    /// The layers, precise enough to rebuild the model elsewhere.
    fn layers(&self) -> Vec<LayerDescription>;

    /// Every batch normalization, whose statistics are re-estimated before an evaluation.
    fn batch_norms(&mut self) -> Vec<&mut BatchNorm>;
}

/// One layer in words that every framework knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LayerDescription {
    /// `y = x Wᵀ + b`, the weight stored as `[outputs, inputs]`.
    Linear {
        /// Module path; the parameters are `NAME.weight` and `NAME.bias`.
        name: String,
        /// Columns of the weight.
        inputs: usize,
        /// Rows of the weight.
        outputs: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Batch normalization with the biased variance of the batch, gain `NAME.weight`, shift
    /// `NAME.bias`.
    BatchNorm {
        /// Module path.
        name: String,
        /// Number of features.
        features: usize,
        /// ε under the root.
        eps: f64,
    },
    /// `max(x, 0)`.
    Relu,
}

/// The shape of a model on a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Depth, as the model counts it.
    pub depth: usize,
    /// Width of the hidden layers.
    pub width: usize,
    /// What one input is.
    pub example: Example,
    /// Number of classes.
    pub classes: usize,
}

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for help texts, with what depth counts.
    pub summary: &'static str,
    kind: Kind,
}

/// Which type a row stands for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Mlp,
}

/// Every model.
pub const ALL: &[Entry] = &[Entry {
    name: "mlp",
    summary: "DEPTH x [linear without bias, BN, ReLU], then a linear classifier",
    kind: Kind::Mlp,
}];

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
        match self.kind {
            Kind::Mlp => task.with::<mlp::Mlp>(),
        }
    }
}
