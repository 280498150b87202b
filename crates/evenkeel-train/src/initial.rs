//! A network at initialisation: what its probe finds, and its ELRs.

use burn::optim::GradientsParams;
use burn::tensor::FloatDType;
use evenkeel::quantity::Elr;
use evenkeel_burn::probe::{Probe, ProbeError};
use evenkeel_nn::network::Network;
use evenkeel_ops::Kernels;

use crate::error::TrainError;
use crate::invariance;
use crate::run::ResolvedRun;

/// The probe of a network at initialisation, found on the first training batches.
///
/// # Errors
/// [`ProbeError`] when a weight or gradient cannot be measured.
pub fn probe(network: &Network, run: &ResolvedRun, dtype: FloatDType) -> Result<Probe, ProbeError> {
    let mut feed = run.feed();
    let norms = network.norms().into();
    invariance::probe(network, run.granularity, norms, |network| {
        let (inputs, labels) = feed.next_batch().on(&run.device.device);
        let loss = network.loss(inputs.cast(dtype), labels);
        GradientsParams::from_grads(loss.backward(), network)
    })
    .map_err(before_any_step)
}

/// The ELRs of a network's layers at initialisation, by gradients on the first training batches.
///
/// # Errors
/// [`TrainError`] when the network cannot be built or measured.
pub fn initial_elrs(run: &ResolvedRun) -> Result<Vec<Elr>, TrainError> {
    let kernels = Kernels::new(1).map_err(TrainError::Threads)?;
    let network = run.network()?.on(&kernels);
    let probe = kernels.run(|| probe(&network, run, FloatDType::F32))?;
    let layers = probe.layers();
    Ok(layers.filter_map(|layer| layer.found?.elr()).collect())
}

/// What is not finite before the first step is no learning rate's fault.
fn before_any_step(mut error: ProbeError) -> ProbeError {
    if let ProbeError::Unusable { source, .. } = &mut error
        && !source.value.is_finite()
    {
        source.advice = "the network begins like this, before any rate acts: take fewer layers, shortcuts, or another \
                         norm, activation or init";
    }
    error
}
