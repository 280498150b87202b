//! Models. One file a model under `model/`, one row in [`ALL`].

mod mlp;

use burn::module::Module;
use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};
use serde::Serialize;

use crate::error::LabError;
use crate::run_folder::Outcome;
use crate::seed::Rng;
use crate::snapshot::{self, Precision, Snapshot};
use crate::spec::{ModelSpec, RunSpec};
use crate::trainer::{self, Job, Observer};

/// What the trainer needs of a model.
pub trait Network: Module {
    /// Builds the model with weights drawn from `rng`.
    fn build(spec: &ModelSpec, rng: &mut Rng, device: &Device) -> Self;

    /// Class scores `[batch, classes]` of inputs `[batch, features]`.
    fn forward(&self, input: Tensor<2>) -> Tensor<2>;

    /// Calls `inspect` with the name and output of each layer in order, until it returns `false`.
    fn trace(&self, input: Tensor<2>, inspect: &mut dyn FnMut(&str, &Tensor<2>) -> bool);

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

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for help texts, with what depth counts.
    pub summary: &'static str,
    /// Trains the model: [`trainer::train`].
    pub train: fn(&Job, &mut dyn Observer) -> Result<Outcome, LabError>,
    /// Takes a snapshot of the model at initialisation: [`snapshot::take`].
    pub snapshot: fn(&RunSpec, Precision) -> Result<Snapshot, LabError>,
}

impl Entry {
    const fn of<N: Network>(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            train: trainer::train::<N>,
            snapshot: snapshot::take::<N>,
        }
    }
}

/// Every model.
pub const ALL: &[Entry] = &[Entry::of::<mlp::Mlp>(
    "mlp",
    "DEPTH x [linear without bias, BN, ReLU], then a linear classifier",
)];

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}
