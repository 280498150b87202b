//! A run between steps: start, resumption, checkpoints.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Bytes, Device, FloatDType, Tensor};
use evenkeel_burn::controller::{ElrController, StepError};
use evenkeel_burn::probe::ProbeError;
use evenkeel_nn::feed::Prefetch;
use evenkeel_nn::hash::fingerprint;
use evenkeel_nn::network::Network;
use evenkeel_ops::Kernels;
use evenkeel_runs::folder::{Header, Lock, Outcome, StepLine, TimingLine, is_run, refuse_taken};
use evenkeel_runs::tensorboard;
use evenkeel_runs::writer::RunWriter;

use super::divergence;
use super::gradients::clip;
use super::job::{Job, Observer, Start};
use super::random_walk::RandomWalk;
use super::record::{header, layer_line, step_line, unit_line};
use crate::checkpoint::{Best, Checkpoint, Checkpoints, State, load_model};
use crate::error::TrainError;
use crate::gradient_source::GradientSource;
use crate::optimizer;
use crate::run::ResolvedRun;

/// The state of a run between steps.
pub(super) struct Session<'a> {
    pub(super) run: &'a ResolvedRun,
    pub(super) device: Device,
    pub(super) network: Network,
    optimizer: ModuleOptimizer,
    controller: ElrController,
    /// The source of gradients, where it is not the loss.
    walk: Option<RandomWalk>,
    batches: Prefetch,
    /// Batches drawn.
    drawn: u64,
    pub(super) writer: RunWriter,
    checkpoints: Checkpoints,
    every: usize,
    /// SHA-256 of `run.toml`.
    fingerprint: String,
    /// The evaluation that is due at this step was done before the checkpoint.
    evaluated: Option<usize>,
    pub(super) best: Best,
}

/// The result of a step.
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
    /// Starts or resumes the run.
    pub(super) fn start(job: &Job<'a>, kernels: &Kernels) -> Result<Self, TrainError> {
        let network = job.run.setup.network()?.on(kernels);
        let probe = job.run.setup.probe(&network, FloatDType::F32)?;
        if probe.layers().len() == 0 && job.run.controls.needs_elrs() {
            return Err(TrainError::NothingToControl {
                control: job.run.controls.to_string(),
                parameters: probe.parameters().len(),
            });
        }
        let mut header = header(job.run, &probe);
        let lock = Lock::take(&job.folder)?;
        // What has begun with events goes on with them.
        let events =
            job.events || (job.start == Start::Resume && tensorboard::is_kept(&job.folder));
        let mut checkpoints = Checkpoints::of(&job.folder, job.checkpoints.keep);
        let resumes = job.start == Start::Resume && is_run(&job.folder);
        if resumes {
            let there = Header::load(&job.folder)?;
            header = header.as_of(&there);
            there.refuse_other(&header, &job.folder)?;
            lock.tidy()?;
        }
        let run = fingerprint(header.to_toml(&job.folder)?.as_bytes());
        let resumed = match resumes {
            true => checkpoints.newest(&run)?,
            false => None,
        };
        let writer = match &resumed {
            Some(checkpoint) => RunWriter::resume(lock, &checkpoint.state.logs, events)?,
            None => {
                refuse_taken(&job.folder, job.start != Start::Fresh)?;
                // First: those of an earlier run would be taken for this one's.
                checkpoints.clear()?;
                RunWriter::create(lock, &header, events)?
            }
        };
        let drawn = resumed
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.state.batches);
        let walk = (job.run.source == GradientSource::Random)
            .then(|| RandomWalk::new(&probe, job.run.setup.seed));
        let fresh = Self {
            run: job.run,
            walk,
            optimizer: optimizer::build(&job.run.optimizer, kernels),
            controller: ElrController::new(probe, job.run.controls.clone())
                .by_measure(job.run.measure),
            batches: Prefetch::start(job.run.setup.feed_after(drawn))
                .map_err(TrainError::Thread)?,
            drawn,
            writer,
            checkpoints,
            every: job.checkpoints.every,
            fingerprint: run,
            evaluated: None,
            best: Best::default(),
            network,
            device: job.run.setup.device.device.clone(),
        };
        match resumed {
            Some(checkpoint) => fresh.restored(checkpoint),
            None => Ok(fresh),
        }
    }

    /// The session as it was when the checkpoint was made.
    fn restored(mut self, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let State {
            step,
            controller,
            evaluated,
            best,
            ..
        } = checkpoint.state;
        let unusable = |error: &dyn std::fmt::Display| self.checkpoints.unusable(step, error);
        self.network =
            load_model(self.network, checkpoint.model).map_err(|error| unusable(&error))?;
        let record = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(checkpoint.optimizer));
        let record = record.map_err(|error| unusable(&error))?;
        self.optimizer = self.optimizer.load_record(record);
        self.controller = self.controller.rebound(&self.network)?.resumed(controller);
        self.evaluated = evaluated.then_some(step);
        self.best = best;
        Ok(self)
    }

    /// Runs to the end, or until it is stopped or diverges.
    pub(super) fn run(
        &mut self,
        stop: &AtomicBool,
        observer: &mut (dyn Observer + Send),
    ) -> Result<Outcome, TrainError> {
        let (first, steps) = (self.controller.state().steps as usize, self.run.steps);
        for step in first..steps {
            if stop.load(Ordering::Relaxed) {
                self.checkpoint(step)?;
                return Ok(Outcome::Interrupted { step });
            }
            if step % self.run.eval_every == 0 {
                self.evaluate_once(step)?;
                if self.is_out_of_patience() {
                    return Ok(Outcome::Stopped { step });
                }
            }
            if step > first && step % self.every == 0 {
                self.checkpoint(step)?;
            }
            match self.step(step)? {
                Step::Done(line) => observer.step(&line),
                Step::Diverged(divergence) => return Ok(divergence.at(step)),
            }
        }
        self.evaluate_once(steps)?;
        self.checkpoint(steps)?;
        // The last update is judged like every other: by the loss of the batch after it.
        Ok(match self.forward() {
            Ok(_) => Outcome::Completed,
            Err(divergence) => divergence.at(steps),
        })
    }

    /// Whether the test loss has not fallen for as many evaluations as the run waits.
    fn is_out_of_patience(&self) -> bool {
        let patience = self.run.patience.unwrap_or(usize::MAX);
        self.best.since >= patience
    }

    /// Writes the outcome of the run.
    pub(super) fn finish(self, outcome: &Outcome) -> Result<(), TrainError> {
        Ok(self.writer.finish(outcome)?)
    }

    /// Evaluates, unless the checkpoint that the run went on from has it already.
    fn evaluate_once(&mut self, step: usize) -> Result<(), TrainError> {
        if self.evaluated != Some(step) {
            self.evaluate(step)?;
            self.evaluated = Some(step);
        }
        Ok(())
    }

    fn checkpoint(&mut self, step: usize) -> Result<(), TrainError> {
        let failed = |error: &dyn std::fmt::Display| self.checkpoints.unusable(step, error);
        let model = self.network.clone().into_record().into_bytes();
        let optimizer = self.optimizer.to_record().into_bytes();
        let (model, optimizer) = (
            model.map_err(|error| failed(&error))?.to_vec(),
            optimizer.map_err(|error| failed(&error))?.to_vec(),
        );
        let state = State {
            step,
            run: self.fingerprint.clone(),
            batches: self.drawn,
            controller: self.controller.state().clone(),
            logs: self.writer.sync()?,
            evaluated: self.evaluated == Some(step),
            best: self.best,
        };
        self.checkpoints.write(&Checkpoint {
            state,
            model,
            optimizer,
        })
    }

    /// The next batch's loss, or where it stopped being finite.
    fn forward(&mut self) -> Result<(Tensor<1>, f64), Divergence> {
        let (inputs, labels) = self.batches.next_batch().on(&self.device);
        self.drawn += 1;
        let loss = self.network.loss(inputs.clone(), labels);
        let value: f64 = loss.clone().into_scalar();
        if value.is_finite() {
            return Ok((loss, value));
        }
        Err(Divergence {
            layer: divergence::origin(&self.network, inputs),
            what: format!("the loss is {value}"),
        })
    }

    /// The mean loss and gradient of as many batches as the run accumulates, clipped.
    fn backward(&mut self) -> Result<(f64, GradientsParams), Divergence> {
        let count = self.run.accumulate;
        let mut sum = 0.0;
        let mut accumulator = GradientsAccumulator::new();
        for _ in 0..count {
            let (loss, value) = self.forward()?;
            sum += value;
            let share = if count == 1 {
                loss
            } else {
                loss.div_scalar(count as f64)
            };
            let gradients = GradientsParams::from_grads(share.backward(), &self.network);
            accumulator.accumulate(&self.network, gradients);
        }
        let gradients = accumulator.grads();
        let clipped = match self.run.clip_norm {
            Some(limit) => clip(&self.network, gradients, limit),
            None => gradients,
        };
        Ok((sum / count as f64, clipped))
    }

    fn step(&mut self, step: usize) -> Result<Step, TrainError> {
        let start = Instant::now();
        let (value, mut gradients) = match self.backward() {
            Ok(backward) => backward,
            Err(divergence) => return Ok(Step::Diverged(divergence)),
        };
        if let Some(walk) = &self.walk {
            gradients = walk.gradients(&self.network, self.controller.probe(), step);
        }
        // No handle is kept, so that weights can change where they are: a step that fails ends the run.
        let network = std::mem::take(&mut self.network);
        let target = self.run.schedule.at(step);
        let stepped = self
            .controller
            .step(network, gradients, &mut self.optimizer, target);
        let (network, report) = match stepped {
            Err(StepError::Probe(ProbeError::Unusable { layer, source })) => {
                let what = source.to_string();
                return Ok(Step::Diverged(Divergence { layer, what }));
            }
            other => other?,
        };
        self.network = network;
        let line = step_line(step, value, target, &report);
        let timing = TimingLine {
            step,
            seconds: start.elapsed().as_secs_f64(),
        };
        let probe = self.controller.probe();
        let (layers, units) = (
            layer_line(step, &report, probe),
            unit_line(step, &report, probe),
        );
        self.writer.step(&line, &layers, units.as_ref(), &timing)?;
        Ok(Step::Done(line))
    }
}

#[cfg(test)]
mod tests;
