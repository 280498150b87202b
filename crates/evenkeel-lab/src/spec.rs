//! What to run: as asked for ([`RawSpec`]), and checked ([`RunSpec`]).

use std::path::Path;
use std::sync::Arc;

use evenkeel::control::{ControlError, Controls};
use evenkeel::optimizer::{Measure, Optimizer, OptimizerError};
use evenkeel::quantity::{LearningRate, QuantityError};
use evenkeel::schedule::{Schedule, ScheduleError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::augment::{Augmentation, AugmentationError};
use crate::dataset::{self, DataError, Dataset, Request};
use crate::device::{self, DeviceError, Opened};
use crate::drive::{self, Drive};
use crate::example::Example;
use crate::granularity::{self, Granularity};
use crate::interchange::weights_error::WeightsError;
use crate::interchange::weights_file::WeightsFile;
use crate::model::choice::Choice;
use crate::model::init::Init;
use crate::model::layer::Layer;
use crate::model::refusal::Refusal;
use crate::model::shape::Shape;
use crate::model::{self, activation, init, norm};

/// What was asked for, not checked yet. In a [`RunSpec`] and in `run.toml` every default is filled
/// in, so that `None` is found only before the check and in runs older than the option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSpec {
    /// Name of the model.
    pub model: String,
    /// Depth, as the model counts it.
    pub depth: Option<usize>,
    /// Width, as the model counts it.
    pub width: Option<usize>,
    /// Normalization.
    pub norm: Option<String>,
    /// Activation.
    pub activation: Option<String>,
    /// Initialisation.
    pub init: Option<String>,
    /// Whether residual blocks go without their shortcuts.
    #[serde(default)]
    pub no_shortcut: bool,
    /// Name of the data set, and a colon and what else it needs.
    pub data: String,
    /// Tokens that make an example, where the data are text.
    pub context: Option<usize>,
    /// How many times smaller images are made, each way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink: Option<usize>,
    /// What is done to training images.
    pub augment: Option<String>,
    /// Rows in a batch.
    pub batch_size: usize,
    /// Learning rate to aim at.
    pub lr: f64,
    /// Control of the effective learning rates.
    pub control: String,
    /// What has an ELR of its own.
    #[serde(default = "layer")]
    pub granularity: String,
    /// What ELRs are those of, where it is not what optimiser and control go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elr: Option<String>,
    /// Optimiser, as the theory crate writes it.
    #[serde(default = "sgd")]
    pub optimizer: String,
    /// Shape of the learning rate over steps, as the theory crate writes it.
    #[serde(default = "constant")]
    pub schedule: String,
    /// Batches whose gradients are averaged for one step.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// The norm of all gradients together to which larger ones are shrunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Evaluations without a better test loss after which the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Number of steps.
    pub steps: usize,
    /// Steps between evaluations.
    pub eval_every: usize,
    /// Most rows of each split that an evaluation looks at, drawn at random, the same for all runs.
    #[serde(default = "eval_rows")]
    pub eval_rows: usize,
    /// Seed of weights and batches.
    pub seed: u64,
    /// Device that computes.
    #[serde(default = "cpu")]
    pub device: String,
    /// Where the gradients of scale-invariant weights come from.
    #[serde(default = "loss", skip_serializing_if = "is_loss")]
    pub gradients: String,
    /// A safetensors file with the weights to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// What its SHA-256 has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
}

impl Default for RawSpec {
    /// A BN-MLP on digits under plain SGD, for one step: every model's defaults.
    fn default() -> Self {
        Self {
            model: "mlp".to_owned(),
            depth: None,
            width: None,
            norm: None,
            activation: None,
            init: None,
            no_shortcut: false,
            data: "digits".to_owned(),
            context: None,
            shrink: None,
            augment: None,
            batch_size: 128,
            lr: 0.1,
            control: "none".to_owned(),
            granularity: layer(),
            elr: None,
            optimizer: sgd(),
            schedule: constant(),
            accumulate: one(),
            clip_norm: None,
            patience: None,
            steps: 1,
            eval_every: 1,
            eval_rows: eval_rows(),
            seed: 0,
            device: cpu(),
            gradients: loss(),
            weights: None,
            weights_sha256: None,
        }
    }
}

fn layer() -> String {
    "layer".to_owned()
}

fn sgd() -> String {
    "sgd".to_owned()
}

fn constant() -> String {
    "constant".to_owned()
}

fn cpu() -> String {
    "cpu".to_owned()
}

fn loss() -> String {
    drive::ALL[0].name.to_owned()
}

/// Runs older than the option, and most of those after it, say nothing of it.
fn is_loss(gradients: &str) -> bool {
    gradients == drive::ALL[0].name
}

fn one() -> usize {
    1
}

/// All of digits; of larger sets enough to tell accuracies within a per cent or so.
fn eval_rows() -> usize {
    2000
}

/// A checked specification with its data.
#[derive(Debug)]
pub struct RunSpec {
    /// What was asked for.
    pub raw: RawSpec,
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
    /// What has an ELR of its own.
    pub granularity: Granularity,
    /// Which ELRs are measured and controlled.
    pub measure: Measure,
    /// Where the gradients of scale-invariant weights come from.
    pub drive: Drive,
}

/// What was asked for is not permitted.
#[derive(Debug, Error)]
pub enum SpecError {
    /// A name that no table knows.
    #[error("unknown {kind} `{given}`; permitted: {permitted}")]
    Unknown {
        /// What kind of name.
        kind: &'static str,
        /// What was given.
        given: String,
        /// The names that exist.
        permitted: String,
    },
    /// A count out of range.
    #[error("{option} is {given}, but must be from {min} to {max}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// What was given.
        given: usize,
        /// The least permitted.
        min: usize,
        /// The most permitted.
        max: usize,
    },
    /// The model cannot be built as asked.
    #[error("model `{model}`: {refusal}")]
    Model {
        /// The model.
        model: &'static str,
        /// What is in the way.
        refusal: Refusal,
    },
    /// A control that was asked for twice.
    #[error(
        "control `{control}` was asked for twice; each gets a folder of its own, so name it once"
    )]
    Repeated {
        /// The control, as its folder.
        control: String,
    },
    /// A control that cannot be read.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// An optimiser that cannot be read.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// A schedule that cannot be read.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A norm to clip at that is none.
    #[error("--clip-norm is {given}, but must be above 0 and finite; give a norm such as 1")]
    ClipNorm {
        /// What was given.
        given: f64,
    },
    /// Random gradients are drawn for layers as wholes.
    #[error(
        "--gradients random is for --granularity layer: units would need base gradients of their own"
    )]
    RandomUnits,
    /// ELRs of the gradient, where steps do not follow its length.
    #[error(
        "--elr gradient is for sgd, momentum and nesterov: steps of `{optimizer}` do not follow the gradient's \
         length; leave it out"
    )]
    GradientLength {
        /// The optimiser.
        optimizer: String,
    },
    /// ELRs of the update, under a control that they tell nothing.
    #[error(
        "--elr update is not for `{control}` under `{optimizer}`, whose updates fall with the square of what \
         weights are rescaled by; leave it out"
    )]
    RescaledUpdates {
        /// The control.
        control: String,
        /// The optimiser.
        optimizer: String,
    },
    /// A learning rate that is none.
    #[error("--lr: {0}")]
    Lr(#[from] QuantityError),
    /// An option that means nothing here.
    #[error("{option} is for {purpose}, which `{data}` is not")]
    Inapplicable {
        /// The option.
        option: &'static str,
        /// What it is for.
        purpose: &'static str,
        /// What was asked for instead.
        data: String,
    },
    /// Images that cannot be made smaller like that.
    #[error(
        "--shrink is {given}, but must divide the sides of the images, which are {height} × {width}"
    )]
    Shrink {
        /// What was given.
        given: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },
    /// An augmentation that cannot be read.
    #[error("--augment: {0}")]
    Augmentation(#[from] AugmentationError),
    /// The data set cannot be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The weights to begin with cannot be used.
    #[error("--weights: {0}")]
    Weights(#[from] WeightsError),
}

/// Bounds that keep a typing error from filling the memory: each is far above what a CPU can train.
const MAX_DEPTH: usize = 10_000;
const MAX_WIDTH: usize = 16_384;
const MAX_STEPS: usize = 100_000_000;
const MAX_ACCUMULATE: usize = 1_000_000;
const MAX_CONTEXT: usize = 65_536;

/// What ELRs can be those of.
pub const MEASURES: &[Choice<Measure>] = &[
    Choice {
        name: "gradient",
        summary: "‖∇W‖/‖W‖ (T2)",
        value: Measure::Gradient,
    },
    Choice {
        name: "update",
        summary: "‖ΔW‖/(λ‖W‖), of the step that the optimiser makes (T19)",
        value: Measure::Update,
    },
];

/// Tokens that make an example unless told otherwise.
const CONTEXT: usize = 64;

impl RawSpec {
    /// Checks everything and loads the data.
    ///
    /// # Errors
    /// [`SpecError`] names the option, the value and what is permitted.
    pub fn check(self) -> Result<RunSpec, SpecError> {
        self.check_on(None)
    }

    /// The same on data that are loaded already, by the check of another control.
    ///
    /// # Errors
    /// [`SpecError`] names the option, the value and what is permitted.
    pub fn check_on(self, loaded: Option<Arc<Dataset>>) -> Result<RunSpec, SpecError> {
        let model = model::find(&self.model).ok_or_else(|| SpecError::Unknown {
            kind: "model",
            given: self.model.clone(),
            permitted: names(model::ALL.iter().map(|entry| entry.name)),
        })?;
        in_range("--steps", self.steps, 1, MAX_STEPS)?;
        in_range("--eval-every", self.eval_every, 1, MAX_STEPS)?;
        in_range("--eval-rows", self.eval_rows, 1, usize::MAX)?;
        in_range("--accumulate", self.accumulate, 1, MAX_ACCUMULATE)?;
        in_range("--patience", self.patience.unwrap_or(1), 1, MAX_STEPS)?;
        if let Some(given) = self
            .clip_norm
            .filter(|norm| !(*norm > 0.0 && norm.is_finite()))
        {
            return Err(SpecError::ClipNorm { given });
        }
        let lr = LearningRate::new(self.lr)?;
        let schedule = Schedule::new(self.schedule.parse()?, lr, self.steps);
        let optimizer = self.optimizer.parse()?;
        let controls = self.control.parse()?;
        let measure = self.measure(&optimizer, &controls)?;
        let granularity = choose(
            "--granularity",
            &Some(self.granularity.clone()),
            granularity::ALL,
            Granularity::Layer,
        )?;
        let drive = choose(
            "--gradients",
            &Some(self.gradients.clone()),
            drive::ALL,
            Drive::Loss,
        )?;
        if drive == Drive::Random && granularity == Granularity::Unit {
            return Err(SpecError::RandomUnits);
        }
        let augmentation: Augmentation = self.augment.as_deref().unwrap_or("none").parse()?;
        let device = device::open(&self.device)?;
        let data = match loaded {
            Some(data) => data,
            None => Arc::new(self.load_data()?),
        };
        // A batch of one has no variance: batch normalization would divide by nothing.
        in_range("--batch-size", self.batch_size, 2, data.train.len())?;
        let context = self.check_data(&data, augmentation)?;
        let shape = self.shape(model, &data)?;
        let layers = model.layers(&shape).map_err(|refusal| SpecError::Model {
            model: model.name,
            refusal,
        })?;
        let init = choose("--init", &self.init, init::ALL, model.defaults.init)?;
        let weights = self.initial_weights(&layers)?;
        Ok(RunSpec {
            layers,
            raw: Self {
                context,
                augment: Some(augmentation.to_string()),
                weights_sha256: weights.as_ref().map(|file| file.sha256().to_owned()),
                ..self.resolved(&shape, init)
            },
            shape,
            init,
            model,
            data,
            augmentation,
            schedule,
            optimizer,
            controls,
            device,
            weights,
            granularity,
            measure,
            drive,
        })
    }

    /// Which ELRs to go by: those asked for, if they can be.
    fn measure(&self, optimizer: &Optimizer, controls: &Controls) -> Result<Measure, SpecError> {
        let usual = controls.measure(optimizer);
        let measure = choose("--elr", &self.elr, MEASURES, usual)?;
        match (optimizer.measure(), measure) {
            (Measure::Update, Measure::Gradient) => Err(SpecError::GradientLength {
                optimizer: self.optimizer.clone(),
            }),
            (Measure::Gradient, Measure::Update) if controls.rescales() => {
                Err(SpecError::RescaledUpdates {
                    control: self.control.clone(),
                    optimizer: self.optimizer.clone(),
                })
            }
            _ => Ok(measure),
        }
    }

    /// The file of weights to begin with, if one was asked for: it is that which was meant, and fits.
    fn initial_weights(&self, layers: &[Layer]) -> Result<Option<WeightsFile>, WeightsError> {
        let Some(path) = &self.weights else {
            return Ok(None);
        };
        let file = WeightsFile::read(Path::new(path), layers)?;
        if let Some(expected) = &self.weights_sha256 {
            file.refuse_other(expected)?;
        }
        Ok(Some(file))
    }

    /// The shape asked for, with the model's defaults for what is not.
    fn shape(&self, model: &model::Entry, data: &Dataset) -> Result<Shape, SpecError> {
        let defaults = &model.defaults;
        let depth = self.depth.unwrap_or(defaults.depth);
        let width = self.width.unwrap_or((defaults.width)(depth));
        in_range("--depth", depth, 1, MAX_DEPTH)?;
        in_range("--width", width, 1, MAX_WIDTH)?;
        Ok(Shape {
            depth,
            width,
            example: data.example,
            classes: data.classes,
            norm: choose("--norm", &self.norm, norm::ALL, defaults.norm)?,
            activation: choose(
                "--activation",
                &self.activation,
                activation::ALL,
                defaults.activation,
            )?,
            shortcuts: !self.no_shortcut,
        })
    }

    /// What tells the data of one specification from those of another.
    pub(crate) fn data_key(&self) -> String {
        let made_up = dataset::find(&self.data)
            .is_some_and(|(entry, _)| matches!(entry.source, dataset::Source::MadeUp));
        let seed = made_up.then_some(self.seed);
        format!(
            "{} {:?} {:?} {seed:?}",
            self.data, self.context, self.shrink
        )
    }

    /// The network in words, such as `mlp 50 × 128`.
    pub fn network(&self) -> String {
        let size = |size: Option<usize>| size.map_or("?".to_owned(), |size| size.to_string());
        format!("{} {} × {}", self.model, size(self.depth), size(self.width))
    }

    /// With every default filled in.
    fn resolved(self, shape: &Shape, init: Init) -> Self {
        let name = |name: &str| Some(name.to_owned());
        Self {
            depth: Some(shape.depth),
            width: Some(shape.width),
            norm: name(Choice::name_of(norm::ALL, shape.norm)),
            activation: name(Choice::name_of(activation::ALL, shape.activation)),
            init: name(Choice::name_of(init::ALL, init)),
            ..self
        }
    }

    fn load_data(&self) -> Result<Dataset, SpecError> {
        let (entry, argument) = dataset::find(&self.data).ok_or_else(|| SpecError::Unknown {
            kind: "data set",
            given: self.data.clone(),
            permitted: dataset::grammars(),
        })?;
        let context = self.context.unwrap_or(CONTEXT);
        in_range("--context", context, 1, MAX_CONTEXT)?;
        let data = (entry.load)(&Request {
            name: entry.name,
            argument,
            context,
            seed: self.seed,
        })?;
        match self.shrink {
            None => Ok(data),
            Some(by) => self.shrink(&data, by),
        }
    }

    fn shrink(&self, data: &Dataset, by: usize) -> Result<Dataset, SpecError> {
        match data.example {
            Example::Tokens { .. } => Err(self.inapplicable("--shrink", "images")),
            Example::Image { height, width, .. } => data.shrunk(by).ok_or(SpecError::Shrink {
                given: by,
                height,
                width,
            }),
        }
    }

    fn inapplicable(&self, option: &'static str, purpose: &'static str) -> SpecError {
        SpecError::Inapplicable {
            option,
            purpose,
            data: self.data.clone(),
        }
    }

    /// The context, where these data have one. Refuses options that mean nothing to them.
    fn check_data(
        &self,
        data: &Dataset,
        augmentation: Augmentation,
    ) -> Result<Option<usize>, SpecError> {
        match data.example {
            Example::Image { .. } if self.context.is_some() => {
                Err(self.inapplicable("--context", "text"))
            }
            Example::Image { .. } => Ok(None),
            Example::Tokens { .. } if !augmentation.is_none() => {
                Err(self.inapplicable("--augment", "images"))
            }
            Example::Tokens { context, .. } => Ok(Some(context)),
        }
    }
}

/// The value that a name stands for in a table, or the default where there is no name.
fn choose<T: Copy + PartialEq>(
    option: &'static str,
    given: &Option<String>,
    table: &'static [Choice<T>],
    default: T,
) -> Result<T, SpecError> {
    let Some(given) = given else {
        return Ok(default);
    };
    let row = Choice::find(table, given).ok_or_else(|| SpecError::Unknown {
        kind: option,
        given: given.clone(),
        permitted: names(table.iter().map(|row| row.name)),
    })?;
    Ok(row.value)
}

fn in_range(option: &'static str, given: usize, min: usize, max: usize) -> Result<(), SpecError> {
    if (min..=max).contains(&given) {
        Ok(())
    } else {
        Err(SpecError::OutOfRange {
            option,
            given,
            min,
            max,
        })
    }
}

/// Names of a table, for messages.
pub(crate) fn names<S: AsRef<str>>(all: impl Iterator<Item = S>) -> String {
    let names: Vec<S> = all.collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A specification as it was written before models had options.
    const OLD: &str = r#"
        model = "mlp"
        depth = 3
        width = 16
        data = "digits"
        batch_size = 8
        lr = 0.1
        control = "none"
        steps = 1
        eval_every = 1
        seed = 0
    "#;

    fn old() -> RawSpec {
        toml::from_str(OLD).unwrap()
    }

    #[test]
    fn older_specifications_mean_what_they_meant() {
        let spec = old().check().unwrap();
        assert_eq!(
            (spec.shape.norm, spec.shape.activation, spec.init),
            (
                norm::Norm::Batch,
                activation::Activation::Relu,
                Init::Kaiming
            )
        );
        let resolved = spec.raw;
        assert_eq!(resolved.norm.as_deref(), Some("bn"));
        assert_eq!(resolved.clone().check().unwrap().raw, resolved);
    }

    #[test]
    fn unknown_choices_are_refused_with_those_that_exist() {
        let raw = RawSpec {
            norm: Some("batch".to_owned()),
            ..old()
        };
        let message = raw.check().unwrap_err().to_string();
        assert!(
            message.contains("--norm `batch`") && message.contains("bn, ln, gn"),
            "{message}"
        );
    }

    #[test]
    fn images_shrink_if_they_can() {
        let shrunk = |data: &str, by| {
            let raw = RawSpec {
                data: data.to_owned(),
                shrink: Some(by),
                ..old()
            };
            let spec = raw.check().map_err(|error| error.to_string())?;
            Ok::<_, String>(spec.data.example.dims())
        };
        assert_eq!(shrunk("digits", 2), Ok(vec![1, 4, 4]));
        let refused = |data, by| shrunk(data, by).unwrap_err();
        assert!(refused("digits", 3).contains("--shrink is 3"));
        assert!(refused("digits", 0).contains("8 × 8"));
        assert!(refused("markov", 2).contains("--shrink is for images"));
    }

    fn measure(optimizer: &str, control: &str, elr: Option<&str>) -> Result<Measure, String> {
        let raw = RawSpec {
            optimizer: optimizer.to_owned(),
            control: control.to_owned(),
            elr: elr.map(str::to_owned),
            ..old()
        };
        raw.check()
            .map(|spec| spec.measure)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn elrs_are_those_asked_for_if_they_can_be() {
        use Measure::{Gradient, Update};
        assert_eq!(measure("sgd", "hold", None), Ok(Gradient));
        assert_eq!(measure("momentum", "hold", None), Ok(Update));
        assert_eq!(measure("momentum", "hold", Some("gradient")), Ok(Gradient));
        assert_eq!(measure("momentum", "none", Some("update")), Ok(Update));
        for (optimizer, control, elr, told) in [
            (
                "adamw",
                "none",
                "gradient",
                "do not follow the gradient's length",
            ),
            (
                "momentum",
                "rescale",
                "update",
                "is not for `rescale` under `momentum`",
            ),
            ("sgd", "none", "weights", "gradient, update"),
        ] {
            let message = measure(optimizer, control, Some(elr)).unwrap_err();
            assert!(
                message.contains("--elr") && message.contains(told),
                "{message}"
            );
        }
    }
}
