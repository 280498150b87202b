//! A network in training, one step at a time: the steps of `evenkeel train` on batches made ready.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::FloatDType;
use evenkeel_burn::controller::ElrController;
use evenkeel_nn::network::Network;
use evenkeel_ops::{Kernels, NormCache};
use evenkeel_runs::folder::{Lock, TimingLine};
use evenkeel_runs::writer::RunWriter;
use evenkeel_train::optimizer;
use evenkeel_train::run::ResolvedRun;
use evenkeel_train::trainer::record::{header, layer_line, step_line, unit_line};
use serde::Serialize;

use crate::handover::Pair;
use crate::way::Way;

/// What was measured of some steps.
#[derive(Debug, Default, Serialize)]
pub struct Block {
    /// Seconds of each step.
    pub seconds: Vec<f64>,
    /// The loss before each step.
    pub losses: Vec<f64>,
    /// The learning rate of each step.
    pub rates: Vec<f64>,
}

/// A network with what steps it.
pub struct Rig<'a> {
    spec: &'a ResolvedRun,
    batches: &'a [Pair],
    network: Network,
    optimizer: ModuleOptimizer,
    telemetry: Option<Telemetry>,
    step: usize,
}

struct Telemetry {
    controller: ElrController,
    writer: RunWriter,
}

impl<'a> Rig<'a> {
    /// A network at initialisation.
    pub fn new(
        spec: &'a ResolvedRun,
        batches: &'a [Pair],
        way: Way,
        folder: &Path,
        kernels: &Kernels,
    ) -> Result<Self, Box<dyn Error>> {
        let kernels = &match way {
            Way::Plain => kernels.clone(),
            Way::Layers | Way::Units => kernels
                .clone()
                .taking_norms(NormCache::new(spec.setup.granularity)),
        };
        let network = spec.setup.network()?.on(kernels);
        let telemetry = match way {
            Way::Plain => None,
            Way::Layers | Way::Units => {
                Some(Telemetry::new(spec, &network, &folder.join(way.name()))?)
            }
        };
        Ok(Self {
            spec,
            batches,
            network,
            optimizer: optimizer::build(&spec.optimizer, kernels),
            telemetry,
            step: 0,
        })
    }

    /// How many layers are measured.
    pub fn layers(&self) -> usize {
        let telemetry = self.telemetry.as_ref();
        telemetry.map_or(0, |t| t.controller.probe().layers().len())
    }

    /// One step on the next batch; after the last comes the first again.
    pub fn step(&mut self, block: &mut Block) -> Result<(), Box<dyn Error>> {
        let (input, labels) = self.batches[self.step % self.batches.len()].clone();
        let start = Instant::now();
        let loss = self.network.loss(input, labels);
        let value: f64 = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        let rate = self.update(value, gradients, start)?;
        block.seconds.push(start.elapsed().as_secs_f64());
        block.losses.push(value);
        block.rates.push(rate);
        self.step += 1;
        Ok(())
    }

    fn update(
        &mut self,
        loss: f64,
        gradients: GradientsParams,
        start: Instant,
    ) -> Result<f64, Box<dyn Error>> {
        let target = self.spec.schedule.at(self.step.min(self.spec.steps - 1));
        let network = std::mem::take(&mut self.network);
        let Some(telemetry) = &mut self.telemetry else {
            self.network = self.optimizer.step(target.get(), network, gradients);
            return Ok(target.get());
        };
        let (network, report) =
            telemetry
                .controller
                .step(network, gradients, &mut self.optimizer, target)?;
        self.network = network;
        let timing = TimingLine {
            step: self.step,
            seconds: start.elapsed().as_secs_f64(),
        };
        telemetry.writer.step(
            &step_line(self.step, loss, target, &report),
            &layer_line(self.step, &report, telemetry.controller.probe()),
            unit_line(self.step, &report, telemetry.controller.probe()).as_ref(),
            &timing,
        )?;
        Ok(report.plan.lr.get())
    }
}

impl Telemetry {
    fn new(spec: &ResolvedRun, network: &Network, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let probe = spec.setup.probe(network, FloatDType::F32)?;
        let writer = RunWriter::create(Lock::take(folder)?, &header(spec, &probe), false)?;
        let controller = ElrController::new(probe, spec.controls.clone()).by_measure(spec.measure);
        Ok(Self { controller, writer })
    }
}
