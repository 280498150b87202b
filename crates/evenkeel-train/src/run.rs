//! A run that is ready to be trained.

use std::sync::Arc;

use evenkeel::control::Controls;
use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::schedule::Schedule;
use evenkeel_nn::augment::Augmentation;
use evenkeel_nn::dataset::Dataset;
use evenkeel_nn::device::Opened;
use evenkeel_nn::feed::Feed;
use evenkeel_nn::interchange::weights_error::WeightsError;
use evenkeel_nn::interchange::weights_file::WeightsFile;
use evenkeel_nn::layer::Layer;
use evenkeel_nn::layer::init::Init;
use evenkeel_nn::model;
use evenkeel_nn::model::shape::Shape;
use evenkeel_nn::network::Network;
use evenkeel_nn::seed::{Purpose, rng};
use evenkeel_runs::settings::RunSettings;

use crate::gradient_source::GradientSource;
use crate::granularity::Granularity;

/// A run with every setting checked, its data loaded and its device opened.
#[derive(Debug)]
pub struct ResolvedRun {
    /// The settings as `run.toml` records them, every default filled in.
    pub settings: RunSettings,
    /// The model's row in the table.
    pub model: &'static model::Entry,
    /// The model's shape.
    pub shape: Shape,
    /// How its weights are drawn.
    pub init: Init,
    /// Its layers.
    pub layers: Vec<Layer>,
    /// The data.
    pub data: Arc<Dataset>,
    /// What is done to training images.
    pub augmentation: Augmentation,
    /// The rate that the schedule asks for at each step.
    pub schedule: Schedule,
    /// The optimiser, as the theory knows it.
    pub optimizer: Optimizer,
    /// The controls.
    pub controls: Controls,
    /// What computes.
    pub device: Opened,
    /// The weights to begin with, where they are not drawn.
    pub weights: Option<WeightsFile>,
    /// Granularity at which ELRs are measured.
    pub granularity: Granularity,
    /// Which ELRs are measured and controlled.
    pub measure: Measure,
    /// Where the gradients of scale-invariant weights come from.
    pub source: GradientSource,
}

impl ResolvedRun {
    /// The network that the run begins with: drawn from its seed, or from its file of weights.
    ///
    /// # Errors
    /// [`WeightsError`] for a file that does not fit, which resolving has ruled out.
    pub fn network(&self) -> Result<Network, WeightsError> {
        let rng = &mut rng(self.settings.seed, Purpose::Weights);
        let drawn = Network::build(&self.layers, self.init, rng, &self.device.device);
        match &self.weights {
            Some(file) => file.load_into(drawn),
            None => Ok(drawn),
        }
    }

    /// The training batches from the first on.
    pub fn feed(&self) -> Feed {
        self.feed_after(0)
    }

    /// The training batches that follow the first `drawn`.
    pub fn feed_after(&self, drawn: u64) -> Feed {
        let (size, seed) = (self.settings.batch_size, self.settings.seed);
        Feed::restore(Arc::clone(&self.data), self.augmentation, size, seed, drawn)
    }
}
