//! The training loop, and nothing else.

mod record;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use evenkeel_burn::controller::{ElrController, SteerError};
use evenkeel_burn::probe::{Probe, ProbeError};

use crate::batches::Batches;
use crate::dataset::Split;
use crate::divergence;
use crate::error::LabError;
use crate::invariance;
use crate::model::network::Network;
use crate::run_folder::{EvalLine, Outcome, RunWriter, StepLine, TimingLine};
use crate::seed::{Purpose, rng};
use crate::spec::RunSpec;
use record::{header, layer_line, step_line};

/// A run to do: what, and where to.
#[derive(Debug)]
pub struct Job<'a> {
    /// What to run.
    pub spec: &'a RunSpec,
    /// The run's folder.
    pub folder: PathBuf,
    /// Whether a run in that folder may be replaced.
    pub overwrite: bool,
    /// Set from outside to stop after the step at hand.
    pub stop: &'a AtomicBool,
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
pub fn train(job: &Job, observer: &mut dyn Observer) -> Result<Outcome, LabError> {
    let mut session = Session::start(job)?;
    let outcome = session.run(job.stop, observer)?;
    session.writer.finish(&outcome)?;
    Ok(outcome)
}

/// The device that everything runs on.
pub fn device() -> Device {
    Device::flex().autodiff()
}

/// The weights of a spec at initialisation.
pub fn initial(spec: &RunSpec, device: &Device) -> Network {
    let rng = &mut rng(spec.raw.seed, Purpose::Weights);
    Network::build(&spec.layers, spec.init, rng, device)
}

/// The training batches of a spec.
pub fn batches(spec: &RunSpec) -> Batches {
    Batches::new(spec.data.train.len(), spec.raw.batch_size, spec.raw.seed)
}

/// Mean cross-entropy of class scores.
pub fn cross_entropy(scores: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let device = scores.device();
    CrossEntropyLossConfig::new()
        .init(&device)
        .forward(scores, labels)
}

/// The probe of a network at initialisation, found on the first training batches.
///
/// # Errors
/// [`ProbeError`] when a weight or gradient cannot be measured.
pub fn probe(network: &Network, spec: &RunSpec, dtype: FloatDType) -> Result<Probe, ProbeError> {
    let (device, mut batches) = (device(), batches(spec));
    invariance::probe(network, |network| {
        let (inputs, labels) = spec.data.train.batch(batches.next_rows(), &device);
        let loss = cross_entropy(network.forward(inputs.cast(dtype)), labels);
        GradientsParams::from_grads(loss.backward(), network)
    })
}

/// The state of a run between steps.
struct Session<'a> {
    spec: &'a RunSpec,
    device: Device,
    network: Network,
    optimizer: ModuleOptimizer,
    controller: ElrController,
    batches: Batches,
    writer: RunWriter,
}

/// What a step came to.
enum Step {
    Done(StepLine),
    Diverged(Divergence),
}

/// A loss or gradient that is not finite, and where it began.
struct Divergence {
    layer: String,
    what: String,
}

impl Divergence {
    fn at(self, step: usize) -> Outcome {
        Outcome::Diverged {
            step,
            layer: self.layer,
            what: self.what,
        }
    }
}

impl<'a> Session<'a> {
    fn start(job: &Job<'a>) -> Result<Self, LabError> {
        let spec = job.spec;
        let device = device();
        let network = initial(spec, &device);
        let probe = probe(&network, spec, FloatDType::F32)?;
        if probe.layers().len() == 0 && spec.controls.needs_elrs() {
            return Err(LabError::NothingToControl {
                control: spec.controls.to_string(),
                parameters: probe.parameters().len(),
            });
        }
        let writer = RunWriter::create(&job.folder, &header(spec, &probe), job.overwrite)?;
        Ok(Self {
            spec,
            optimizer: SgdConfig::new().init(),
            controller: ElrController::new(probe, spec.controls.clone()),
            batches: batches(spec),
            writer,
            network,
            device,
        })
    }

    fn run(&mut self, stop: &AtomicBool, observer: &mut dyn Observer) -> Result<Outcome, LabError> {
        let steps = self.spec.raw.steps;
        for step in 0..steps {
            if stop.load(Ordering::Relaxed) {
                return Ok(Outcome::Interrupted { step });
            }
            if step % self.spec.raw.eval_every == 0 {
                self.evaluate(step)?;
            }
            match self.step(step)? {
                Step::Done(line) => observer.step(&line),
                Step::Diverged(divergence) => return Ok(divergence.at(step)),
            }
        }
        self.evaluate(steps)?;
        // The last update is judged like every other: by the loss of the batch after it.
        Ok(match self.forward() {
            Ok(_) => Outcome::Completed,
            Err(divergence) => divergence.at(steps),
        })
    }

    /// The next batch's loss, or how it is not finite.
    fn forward(&mut self) -> Result<(Tensor<1>, f64), Divergence> {
        let rows = self.batches.next_rows();
        let (inputs, labels) = self.spec.data.train.batch(rows, &self.device);
        let loss = cross_entropy(self.network.forward(inputs.clone()), labels);
        let value: f64 = loss.clone().into_scalar();
        if value.is_finite() {
            return Ok((loss, value));
        }
        Err(Divergence {
            layer: divergence::origin(&self.network, inputs),
            what: format!("the loss is {value}"),
        })
    }

    fn step(&mut self, step: usize) -> Result<Step, LabError> {
        let start = Instant::now();
        let (loss, value) = match self.forward() {
            Ok(forward) => forward,
            Err(divergence) => return Ok(Step::Diverged(divergence)),
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        // Steering consumes the network; the handle kept here serves when it fails.
        let network = self.network.clone();
        let target = self.spec.lr;
        let steered = match self
            .controller
            .steer(network, gradients, &mut self.optimizer, target)
        {
            Err(SteerError::Probe(ProbeError::Unusable { layer, source })) => {
                let what = source.to_string();
                return Ok(Step::Diverged(Divergence { layer, what }));
            }
            other => other?,
        };
        self.network = self
            .optimizer
            .step(steered.lr, steered.model, steered.gradients);
        let line = step_line(step, value, target, &steered.report);
        let timing = TimingLine {
            step,
            seconds: start.elapsed().as_secs_f64(),
        };
        self.writer
            .step(&line, &layer_line(step, &steered.report), &timing)?;
        Ok(Step::Done(line))
    }

    fn evaluate(&mut self, step: usize) -> Result<(), LabError> {
        let network = self.with_population_statistics().valid();
        let data = &self.spec.data;
        let (train_loss, train_accuracy) = self.score(&network, &data.train);
        let (test_loss, test_accuracy) = self.score(&network, &data.test);
        self.writer.eval(&EvalLine {
            step,
            train_loss,
            train_accuracy,
            test_loss,
            test_accuracy,
        })
    }

    /// The network with BN statistics averaged over the training set: running averages lag behind
    /// weights that move this fast.
    fn with_population_statistics(&self) -> Network {
        let mut network = self.network.clone().fork(&self.device);
        for (seen, rows) in self.chunks(&self.spec.data.train).iter().enumerate() {
            for norm in network.batch_norms() {
                norm.momentum = 1.0 / (seen as f64 + 1.0);
            }
            let (inputs, _) = self.spec.data.train.batch(rows, &self.device);
            network.forward(inputs);
        }
        network
    }

    /// Mean cross-entropy, if finite, and share classified correctly.
    fn score(&self, network: &Network, split: &Split) -> (Option<f64>, f64) {
        let device = self.device.clone().inner();
        let (mut loss, mut correct) = (0.0, 0.0);
        for rows in self.chunks(split) {
            let (inputs, labels) = split.batch(&rows, &device);
            let scores = network.forward(inputs);
            let hits = scores
                .clone()
                .argmax(1)
                .squeeze::<1>()
                .equal(labels.clone());
            correct += hits.int().sum().into_scalar::<f64>();
            loss += cross_entropy(scores, labels).into_scalar::<f64>() * rows.len() as f64;
        }
        let rows = split.len() as f64;
        (
            Some(loss / rows).filter(|loss| loss.is_finite()),
            correct / rows,
        )
    }

    /// The rows of a split in order, in chunks of near-equal size of at least the batch size: a
    /// small last chunk would have statistics of its own.
    fn chunks(&self, split: &Split) -> Vec<Vec<usize>> {
        let count = (split.len() / self.spec.raw.batch_size).max(1);
        (0..count)
            .map(|i| (split.len() * i / count..split.len() * (i + 1) / count).collect())
            .collect()
    }
}
