//! A network on its data: what a run begins with, whatever its rate and control.

use std::sync::{Arc, Mutex, PoisonError};

use burn::optim::GradientsParams;
use burn::tensor::FloatDType;
use evenkeel::quantity::Elr;
use evenkeel_burn::probe::{Probe, ProbeError};
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
use evenkeel_ops::Kernels;

use crate::error::TrainError;
use crate::granularity::Granularity;
use crate::invariance;

/// A network on its data.
#[derive(Debug)]
pub struct Setup {
    /// The model's row in the table.
    pub model: &'static model::Entry,
    /// The model's shape.
    pub shape: Shape,
    /// How its weights are drawn.
    pub init: Init,
    /// Its layers.
    pub layers: Vec<Layer>,
    /// The weights to begin with, where they are not drawn.
    pub weights: Option<WeightsFile>,
    /// The data.
    pub data: Arc<Dataset>,
    /// Random changes of training images.
    pub augmentation: Augmentation,
    /// Rows in a batch.
    pub batch_size: usize,
    /// Seed of weights and batches.
    pub seed: u64,
    /// What computes.
    pub device: Opened,
    /// Granularity at which ELRs are measured.
    pub granularity: Granularity,
    /// The ELRs at initialisation, once they have been measured.
    pub(crate) elrs: Mutex<Option<Arc<[Elr]>>>,
}

impl Setup {
    /// The network at initialisation: drawn from the seed, or from the file of weights.
    ///
    /// # Errors
    /// [`WeightsError`] for a file that does not fit, which resolving has ruled out.
    pub fn network(&self) -> Result<Network, WeightsError> {
        let rng = &mut rng(self.seed, Purpose::Weights);
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
        let data = Arc::clone(&self.data);
        Feed::restore(data, self.augmentation, self.batch_size, self.seed, drawn)
    }

    /// The probe of a network at initialisation, found on the first training batches.
    ///
    /// # Errors
    /// [`ProbeError`] when a weight or gradient cannot be measured.
    pub fn probe(&self, network: &Network, dtype: FloatDType) -> Result<Probe, ProbeError> {
        let mut feed = self.feed();
        let norms = network.norms().into();
        let probe = invariance::probe(network, self.granularity, norms, |network| {
            let (inputs, labels) = feed.next_batch().on(&self.device.device);
            let loss = network.loss(inputs.cast(dtype), labels);
            GradientsParams::from_grads(loss.backward(), network)
        });
        probe.map_err(before_any_step)
    }

    /// The ELRs of the layers at initialisation, measured on the first training batches once.
    ///
    /// # Errors
    /// [`TrainError`] when the network cannot be built or measured.
    pub fn initial_elrs(&self) -> Result<Arc<[Elr]>, TrainError> {
        let mut kept = self.elrs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(elrs) = &*kept {
            return Ok(Arc::clone(elrs));
        }
        let kernels = Kernels::new(1).map_err(TrainError::Threads)?;
        let network = self.network()?.on(&kernels);
        let probe = kernels.run(|| self.probe(&network, FloatDType::F32))?;
        let layers = probe.layers();
        let elrs: Arc<[Elr]> = layers.filter_map(|layer| layer.found?.elr()).collect();
        *kept = Some(Arc::clone(&elrs));
        Ok(elrs)
    }
}

/// Says that what is not finite before the first step is no learning rate's fault.
fn before_any_step(mut error: ProbeError) -> ProbeError {
    if let ProbeError::Unusable { source, .. } = &mut error
        && !source.value.is_finite()
    {
        source.advice = "the network begins like this, before any rate acts: take fewer layers, shortcuts, or another \
                         norm, activation or init";
    }
    error
}
