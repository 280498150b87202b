//! The arguments that describe a network on its data, shared by the commands that build one.

use std::fmt::Display;

use evenkeel_nn::choice::Choice;
use evenkeel_nn::layer::{activation, init, norm};
use evenkeel_nn::model;
use evenkeel_nn::{dataset, device};
use evenkeel_runs::settings::RequestedRun;
use evenkeel_train::granularity;

#[derive(Debug, clap::Args)]
pub struct SpecArgs {
    /// Model.
    #[arg(long, default_value = "mlp", value_name = "NAME", long_help = models())]
    model: String,

    /// Depth, as the model counts it [default: the model's].
    #[arg(long, value_name = "LAYERS")]
    depth: Option<usize>,

    /// Width, as the model counts it [default: the model's].
    #[arg(long, value_name = "UNITS")]
    width: Option<usize>,

    /// Normalization [default: the model's].
    #[arg(long, value_name = "NAME", long_help = choices("Normalization", norm::ALL))]
    norm: Option<String>,

    /// Activation [default: the model's].
    #[arg(long, value_name = "NAME", long_help = choices("Activation", activation::ALL))]
    activation: Option<String>,

    /// Distribution of the initial weights [default: the model's].
    #[arg(long, value_name = "NAME", long_help = choices("Distribution of the initial weights", init::ALL))]
    init: Option<String>,

    /// Leave the shortcuts of residual blocks out.
    #[arg(long)]
    no_shortcut: bool,

    /// Data set.
    #[arg(long, default_value = "digits", value_name = "NAME[:...]", long_help = listed("Data set.", dataset::ALL.iter().map(|d| (d.grammar(), d.summary))))]
    data: String,

    /// Tokens that make an example of a text [default: 64].
    #[arg(long, value_name = "TOKENS")]
    context: Option<usize>,

    /// Downsample images by this factor: every square of pixels becomes its mean.
    #[arg(long, value_name = "FACTOR")]
    shrink: Option<usize>,

    /// Random changes of training images: crop[:PIXELS], flip, or crop+flip [default: none].
    ///
    /// `crop` pads with 4 (or PIXELS) black pixels on each side and cuts out the image's size
    /// anywhere; `flip` mirrors one image in two.
    #[arg(long, value_name = "A[+B]")]
    augment: Option<String>,

    /// Rows in a batch.
    #[arg(long, default_value_t = 128, value_name = "ROWS")]
    batch_size: usize,

    /// Granularity at which ELRs are measured.
    #[arg(long, default_value = granularity::ALL[0].name, value_name = "NAME", long_help = listed("Granularity at which ELRs are measured.", granularity::ALL.iter().map(|row| (row.name, row.summary))))]
    granularity: String,

    /// Seed of initial weights and of the order of batches.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,

    /// Device that computes.
    #[arg(long, default_value = "cpu", value_name = "NAME[:N]", long_help = listed("Device that computes.", device::ALL.iter().map(|d| (d.grammar, d.summary))))]
    device: String,

    /// Begin with the weights in this safetensors file, named and laid out as in PyTorch, instead of
    /// drawn ones; `evenkeel weights` and `evenkeel snapshot` write such files.
    ///
    /// Every parameter of the network has to be in it and nothing else, as 16-, 32- or 64-bit floats.
    #[arg(long, value_name = "FILE")]
    weights: Option<String>,
}

impl SpecArgs {
    /// A run of the network on its data, with defaults for everything else.
    pub fn requested(&self) -> RequestedRun {
        RequestedRun {
            model: self.model.clone(),
            depth: self.depth,
            width: self.width,
            norm: self.norm.clone(),
            activation: self.activation.clone(),
            init: self.init.clone(),
            no_shortcut: self.no_shortcut,
            data: self.data.clone(),
            context: self.context,
            shrink: self.shrink,
            augment: self.augment.clone(),
            batch_size: self.batch_size,
            granularity: self.granularity.clone(),
            seed: self.seed,
            device: self.device.clone(),
            weights: self.weights.clone(),
            ..RequestedRun::default()
        }
    }
}

/// A help text with the rows of a table below it.
pub fn listed<K: Display, V: Display>(text: &str, rows: impl Iterator<Item = (K, V)>) -> String {
    rows.fold(format!("{text}\n"), |text, (name, summary)| {
        format!("{text}\n- {name}: {summary}")
    })
}

fn models() -> String {
    let rows = model::ALL.iter().map(|model| {
        (
            model.name,
            format!("{} [{}]", model.summary, model.defaults),
        )
    });
    listed("Model, with its defaults in brackets.", rows)
}

/// A help text with the choices of an option below it.
fn choices<T>(text: &str, table: &[Choice<T>]) -> String {
    let text = format!("{text} [default: the model's].");
    listed(&text, table.iter().map(|row| (row.name, row.summary)))
}
