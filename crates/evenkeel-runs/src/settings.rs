//! The settings of a run, as they are requested and as `run.toml` records them.

mod requested;

use serde::{Deserialize, Serialize};

pub use requested::{RateError, RequestedControl, RequestedRate};

/// The settings of a run as they are requested: the rate may be an angle, the control automatic.
pub type RequestedRun = RunSettings<RequestedRate, RequestedControl>;

impl From<RunSettings> for RequestedRun {
    fn from(recorded: RunSettings) -> Self {
        let (lr, control) = (recorded.lr.into(), recorded.control.as_str().into());
        recorded.with(lr, control)
    }
}

/// Everything that determines a run: as it was requested ([`RequestedRun`]), or with rate and control
/// resolved, as `run.toml` records it.
///
/// `run.toml` has every default filled in, so that `None` is found only in what was requested and in
/// runs older than the option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings<Rate = f64, Control = String> {
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
    /// Factor by which images are downsampled along each side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrink: Option<usize>,
    /// Random changes of training images.
    pub augment: Option<String>,
    /// Rows in a batch.
    pub batch_size: usize,
    /// Target learning rate.
    pub lr: Rate,
    /// Control of the effective learning rates.
    pub control: Control,
    /// Granularity at which ELRs are measured.
    #[serde(default = "layer")]
    pub granularity: String,
    /// Measure of the ELR, gradient or update, where it is not the usual one of optimiser and control.
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

impl<Rate: From<f64>, Control: for<'a> From<&'a str>> Default for RunSettings<Rate, Control> {
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
            lr: Rate::from(0.1),
            control: Control::from("none"),
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

/// Where gradients come from by default.
const LOSS: &str = "loss";

fn loss() -> String {
    LOSS.to_owned()
}

/// Runs older than the option, and most of those after it, say nothing of it.
fn is_loss(gradients: &str) -> bool {
    gradients == LOSS
}

fn one() -> usize {
    1
}

/// All of digits; of larger sets enough to tell accuracies within a per cent or so.
fn eval_rows() -> usize {
    2000
}

impl<Rate, Control> RunSettings<Rate, Control> {
    /// The network in words, such as `mlp 50 × 128`.
    pub fn network(&self) -> String {
        let size = |size: Option<usize>| size.map_or("?".to_owned(), |size| size.to_string());
        format!("{} {} × {}", self.model, size(self.depth), size(self.width))
    }

    /// The same settings with another rate and control.
    pub fn with<R, C>(self, lr: R, control: C) -> RunSettings<R, C> {
        RunSettings {
            lr,
            control,
            model: self.model,
            depth: self.depth,
            width: self.width,
            norm: self.norm,
            activation: self.activation,
            init: self.init,
            no_shortcut: self.no_shortcut,
            data: self.data,
            context: self.context,
            shrink: self.shrink,
            augment: self.augment,
            batch_size: self.batch_size,
            granularity: self.granularity,
            elr: self.elr,
            optimizer: self.optimizer,
            schedule: self.schedule,
            accumulate: self.accumulate,
            clip_norm: self.clip_norm,
            patience: self.patience,
            steps: self.steps,
            eval_every: self.eval_every,
            eval_rows: self.eval_rows,
            seed: self.seed,
            device: self.device,
            gradients: self.gradients,
            weights: self.weights,
            weights_sha256: self.weights_sha256,
        }
    }

    /// Whether the data are computed from the seed instead of read from files.
    pub fn has_generated_data(&self) -> bool {
        let name = self.data.split(':').next();
        name.is_some_and(|name| GENERATED_DATA.contains(&name))
    }
}

/// The data sets that are computed from the seed.
pub const GENERATED_DATA: [&str; 2] = ["synthetic", "markov"];
