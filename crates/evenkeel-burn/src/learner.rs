//! Effective learning rates as metrics of Burn's own training loop (feature `train`).
//!
//! Burn's `Learner` shows gradients in one place only: the module's own
//! [`TrainStep::step`](burn::train::TrainStep::step), before the optimiser acts. So that is where a
//! [`Watch`], kept in the module, reads, and what the step puts out carries the reading to the
//! metrics: [`Watched`].
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
//! use burn::optim::GradientsParams;
//! use burn::tensor::{Device, Distribution, Tensor, activation::relu};
//! use burn::train::{RegressionOutput, TrainOutput, TrainStep};
//! use evenkeel_burn::learner::{Watch, Watched};
//!
//! #[derive(Module, Debug)]
//! struct Net {
//!     linear: Linear,
//!     norm: BatchNorm,
//!     #[module(skip)]
//!     watch: Watch,
//! }
//!
//! impl TrainStep for Net {
//!     type Input = (Tensor<2>, Tensor<2>);
//!     type Output = Watched<RegressionOutput>;
//!
//!     fn step(&self, (x, target): Self::Input) -> TrainOutput<Self::Output> {
//!         let output = relu(self.norm.forward(self.linear.forward(x)));
//!         let loss = (output.clone() - target.clone()).square().mean();
//!         let grads = GradientsParams::from_grads(loss.backward(), self);
//!         let elrs = self.watch.read(self, &grads);
//!         let item = Watched::new(RegressionOutput::new(loss, output, target), elrs);
//!         TrainOutput { grads, item }
//!     }
//! }
//!
//! let device = Device::flex().autodiff();
//! let net = Net {
//!     linear: LinearConfig::new(8, 16).with_bias(false).init(&device),
//!     norm: BatchNormConfig::new(16).init(&device),
//!     watch: Watch::default(),
//! };
//! let x = Tensor::random([32, 8], Distribution::Normal(0.0, 1.0), &device);
//! let y = Tensor::random([32, 16], Distribution::Normal(0.0, 1.0), &device);
//! let reading = net.step((x, y)).item.elrs?;
//! assert_eq!(reading.layers().collect::<Vec<_>>(), ["linear.weight"]);
//! assert!(reading.of("linear.weight").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Register [`ElrMetric`]s with `metric_train_numeric`; `examples/learner.rs` is a whole program.

use std::fmt;
use std::sync::{Arc, OnceLock};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{ExecutionError, TensorReadError};
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    AccuracyInput, Adaptor, ConfusionStatsInput, HammingScoreInput, ItemLazy, LossInput, Metric,
    MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    PerplexityInput, SerializedEntry, TopKAccuracyInput,
};
use evenkeel::quantity::Elr;
use evenkeel::spread::Spread;
use evenkeel::warmup::Policy;

use crate::probe::{Probe, ProbeError, Reading};

/// Reads ELRs within a training step. Clones share the probe, which the first step finds.
#[derive(Clone, Default)]
pub struct Watch(Arc<OnceLock<Probe>>);

/// In a few words: Burn's summaries show a module with everything in it.
impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Some(probe) => write!(f, "Watch({} layers)", probe.layers().len()),
            None => f.write_str("Watch(before its first step)"),
        }
    }
}

impl Watch {
    /// A watch with a probe that was found already, by whatever looks.
    pub fn with(probe: Probe) -> Self {
        Self(Arc::new(OnceLock::from(probe)))
    }

    /// The ELRs of a step, before the optimiser acts.
    ///
    /// # Errors
    /// [`ProbeError`] when nothing is scale-invariant, or a norm cannot be measured.
    pub fn read<M: Module>(
        &self,
        module: &M,
        gradients: &GradientsParams,
    ) -> Result<Elrs, ProbeError> {
        let probe = match self.0.get() {
            Some(probe) => probe,
            None => {
                let found = Probe::find(module, gradients)?;
                self.0.get_or_init(|| found)
            }
        };
        let readings = probe.read(module, gradients)?;
        let elrs = readings.into_iter().map(Reading::elr);
        let names = probe.layers().map(|layer| layer.path.clone());
        Ok(Elrs(names.zip(elrs).collect()))
    }
}

/// The ELRs of a step by layer, `None` for a layer that got a zero gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Elrs(Arc<[(String, Option<Elr>)]>);

impl Elrs {
    /// The names of the layers, in module order.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// That of a layer, if there is such a layer and it is alive.
    pub fn of(&self, layer: &str) -> Option<Elr> {
        self.0.iter().find(|(name, _)| name == layer)?.1
    }

    /// Those of the layers that are alive.
    pub fn alive(&self) -> Vec<Elr> {
        self.0.iter().filter_map(|(_, elr)| *elr).collect()
    }
}

/// What a training step puts out, with the ELRs of the step.
#[derive(Debug)]
pub struct Watched<O> {
    /// What Burn's metrics look at.
    pub output: O,
    /// The ELRs, or why there are none.
    pub elrs: Result<Elrs, ProbeError>,
}

impl<O> Watched<O> {
    /// An output with what [`Watch::read`] has read.
    pub fn new(output: O, elrs: Result<Elrs, ProbeError>) -> Self {
        Self { output, elrs }
    }
}

impl<O: ItemLazy> ItemLazy for Watched<O> {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(Self {
            output: self.output.sync()?,
            ..self
        })
    }
}

impl<O> Adaptor<Option<Elrs>> for Watched<O> {
    fn adapt(&self) -> Option<Elrs> {
        self.elrs.clone().ok()
    }
}

/// Burn's metrics look through to the output.
macro_rules! look_through {
    ($($input:ty),*) => {$(
        impl<O: Adaptor<$input>> Adaptor<$input> for Watched<O> {
            fn adapt(&self) -> $input {
                self.output.adapt()
            }
        }
    )*};
}

look_through!(
    LossInput,
    AccuracyInput,
    TopKAccuracyInput,
    PerplexityInput,
    ConfusionStatsInput,
    HammingScoreInput
);

/// A number made of a step's ELRs, for Burn's plots and logs. Over an epoch it is averaged; a step
/// without it is left out.
#[derive(Clone)]
pub struct ElrMetric {
    name: MetricName,
    what: What,
    state: NumericMetricState,
    /// Whether the last step had it, and whether any had.
    known: [bool; 2],
}

#[derive(Clone)]
enum What {
    Spread,
    Critical(&'static Policy),
    Layer(String),
}

impl What {
    fn of(&self, elrs: &Elrs) -> Option<f64> {
        let alive = || Some(elrs.alive()).filter(|alive| !alive.is_empty());
        match self {
            Self::Spread => Some(Spread::of(&alive()?).decades()),
            Self::Critical(policy) => policy.critical(&alive()?).map(|lr| lr.get()),
            Self::Layer(name) => elrs.of(name).map(Elr::get),
        }
    }
}

impl ElrMetric {
    /// `log10(E_max/E_min)` over the layers (T3): `ELR spread (decades)`.
    pub fn spread() -> Self {
        Self::new("ELR spread (decades)".to_owned(), What::Spread)
    }

    /// The critical learning rate by a policy (T11–T14): `Critical LR (POLICY)`.
    pub fn critical(policy: &'static Policy) -> Self {
        let name = format!("Critical LR ({})", policy.name);
        Self::new(name, What::Critical(policy))
    }

    /// The ELR of one layer: `ELR LAYER`.
    pub fn layer(name: &str) -> Self {
        Self::new(format!("ELR {name}"), What::Layer(name.to_owned()))
    }

    fn new(name: String, what: What) -> Self {
        Self {
            name: Arc::new(name),
            what,
            state: NumericMetricState::new(),
            known: [false; 2],
        }
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name()).precision(3)
    }
}

impl Metric for ElrMetric {
    type Input = Option<Elrs>;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        let higher_is_better = matches!(self.what, What::Critical(_));
        let unit = None;
        MetricAttributes::Numeric(NumericAttributes {
            unit,
            higher_is_better,
        })
    }

    fn update(
        &mut self,
        elrs: &Option<Elrs>,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let value = elrs.as_ref().and_then(|elrs| self.what.of(elrs));
        self.known = [value.is_some(), self.known[1] || value.is_some()];
        let Some(value) = value else {
            return Ok(SerializedEntry::not_available(None));
        };
        self.state.update(value, 1);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(match self.known[1] {
            true => self.state.compute_final(self.format()),
            false => SerializedEntry::not_available(None),
        })
    }

    fn clear(&mut self) {
        self.state.reset();
        self.known = [false; 2];
    }
}

impl Numeric for ElrMetric {
    fn value(&self) -> Option<NumericEntry> {
        self.known[0].then(|| self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.known[1].then(|| self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}
