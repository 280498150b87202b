//! The training loop, and nothing else.

mod evaluation;
mod gradients;
mod random_walk;
pub mod record;
mod session;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::optim::GradientsParams;
use burn::tensor::FloatDType;
use evenkeel::quantity::Elr;
use evenkeel_burn::probe::{Probe, ProbeError};
use evenkeel_ops::Kernels;

use crate::error::LabError;
use crate::feed::Feed;
use crate::invariance;
use crate::model::network::Network;
use crate::run_folder::{Outcome, StepLine};
use crate::seed::{Purpose, rng};
use crate::spec::{RunSpec, SpecError};
use session::Session;

/// A run to do: what, and where to.
#[derive(Debug)]
pub struct Job<'a> {
    /// What to run.
    pub spec: &'a RunSpec,
    /// The run's folder.
    pub folder: PathBuf,
    /// What to do about a run that is there already.
    pub start: Start,
    /// When to write checkpoints, and how many to keep.
    pub checkpoints: Keeping,
    /// How many threads compute it. No result depends on it.
    pub threads: usize,
    /// Whether to write events for TensorBoard beside the logs.
    pub events: bool,
    /// Set from outside to stop after the step at hand.
    pub stop: &'a AtomicBool,
}

/// What to do about a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Leave it alone, and fail.
    Fresh,
    /// Replace it.
    Overwrite,
    /// Go on from its newest checkpoint, to the same bits as if it had never stopped.
    Resume,
}

/// When to write checkpoints, and how many to keep. No result depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Steps between checkpoints.
    pub every: usize,
    /// How many of the newest are kept, besides the one with the best test accuracy.
    pub keep: usize,
}

/// Watches a run.
pub trait Observer {
    /// A step was done.
    fn step(&mut self, line: &StepLine);
}

/// Trains one run and writes its folder.
///
/// # Errors
/// [`LabError`]; divergence and interruption are outcomes, not errors.
pub fn train(job: &Job, observer: &mut (dyn Observer + Send)) -> Result<Outcome, LabError> {
    if let (Start::Resume, Some(outcome)) = (job.start, ended(&job.folder)?) {
        return Ok(outcome);
    }
    let kernels = Kernels::new(job.threads)
        .map_err(LabError::Threads)?
        .taking_norms(job.spec.granularity);
    kernels.run(|| {
        let mut session = Session::start(job, &kernels)?;
        let outcome = session.run(job.stop, observer)?;
        session.finish(&outcome)?;
        Ok(outcome)
    })
}

/// How the run in `folder` ended, if it needs no going on.
///
/// # Errors
/// [`LabError::Io`] or [`LabError::Malformed`].
pub fn ended(folder: &Path) -> Result<Option<Outcome>, LabError> {
    Ok(Outcome::load(folder)?.filter(|outcome| !matches!(outcome, Outcome::Interrupted { .. })))
}

/// The network that a spec begins with: drawn from its seed, or from its file of weights.
///
/// # Errors
/// [`SpecError::Weights`] for a file that does not fit, which checking the spec has ruled out.
pub fn initial(spec: &RunSpec) -> Result<Network, SpecError> {
    let rng = &mut rng(spec.raw.seed, Purpose::Weights);
    let drawn = Network::build(&spec.layers, spec.init, rng, &spec.device.device);
    match &spec.weights {
        Some(file) => Ok(file.load_into(drawn)?),
        None => Ok(drawn),
    }
}

/// The probe of a network at initialisation, found on the first training batches.
///
/// # Errors
/// [`ProbeError`] when a weight or gradient cannot be measured.
pub fn probe(network: &Network, spec: &RunSpec, dtype: FloatDType) -> Result<Probe, ProbeError> {
    let mut feed = Feed::new(spec);
    invariance::probe(network, spec.granularity, |network| {
        let (inputs, labels) = feed.next_batch().on(&spec.device.device);
        let loss = network.loss(inputs.cast(dtype), labels);
        GradientsParams::from_grads(loss.backward(), network)
    })
    .map_err(before_any_step)
}

/// The ELRs of a network's layers at initialisation, by gradients on the first training batches.
///
/// # Errors
/// [`LabError`] when the network cannot be built or measured.
pub fn initial_elrs(spec: &RunSpec) -> Result<Vec<Elr>, LabError> {
    let kernels = Kernels::new(1).map_err(LabError::Threads)?;
    let network = initial(spec)?.on(&kernels);
    let probe = kernels.run(|| probe(&network, spec, FloatDType::F32))?;
    let layers = probe.layers();
    Ok(layers.filter_map(|layer| layer.found?.elr()).collect())
}

/// What is not finite before the first step is no learning rate's fault.
fn before_any_step(mut error: ProbeError) -> ProbeError {
    if let ProbeError::Unusable { source, .. } = &mut error
        && !source.value.is_finite()
    {
        source.advice = "the network begins like this, before any rate acts: take fewer layers, shortcuts, or another \
                         --norm, --activation or --init";
    }
    error
}
