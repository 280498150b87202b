//! Everything that can be wrong with a log.

use evenkeel::quote::{quote, quote_all};
use thiserror::Error;

use crate::error::SnapshotError;

/// Why a log gives no norms.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LogError {
    /// One step's norms that are not what they should be.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The same, with the name of the layer.
    #[error("layer {}: {source}", quote(layer))]
    OfLayer {
        /// The layer.
        layer: String,
        /// What is wrong with its row.
        source: Box<SnapshotError>,
    },
    /// A file that cannot be read.
    #[error("{name}: {problem}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the system says.
        problem: String,
    },
    /// A device or a named pipe.
    #[error(
        "{name} is neither a file nor a folder: a device may never end, and a named pipe never begin; \
         copy what it gives to a file, or pipe it to `-`"
    )]
    NotAFile {
        /// The path.
        name: String,
    },
    /// A folder without a log.
    #[error("{folder} holds no log; what is read: {readable}")]
    EmptyFolder {
        /// The folder.
        folder: String,
        /// The formats that are read.
        readable: String,
    },
    /// A folder with too many files.
    #[error("{folder} holds more than the {most} files permitted; give the folder of one run")]
    TooManyFiles {
        /// The folder.
        folder: String,
        /// The most permitted.
        most: usize,
    },
    /// A file that is too large.
    #[error(
        "{name} has more than the {most} bytes permitted; export fewer steps, or only the tags of norms"
    )]
    TooManyBytes {
        /// The file.
        name: String,
        /// The most permitted.
        most: usize,
    },
    /// More values than are kept.
    #[error("the log has more than the {most} norms permitted; export fewer steps, or one run")]
    TooManyValues {
        /// The most permitted.
        most: usize,
    },
    /// A file that is not text.
    #[error(
        "{name} is neither text in UTF-8 nor a TensorBoard event file; what is read: {readable}"
    )]
    NotText {
        /// The file.
        name: String,
        /// The formats that are read.
        readable: String,
    },
    /// A row, line or record that is malformed.
    #[error("{name}, {unit} {number}: {problem}; export it again, or correct it there")]
    Malformed {
        /// The file.
        name: String,
        /// What is counted.
        unit: &'static str,
        /// The number of it, from 1.
        number: usize,
        /// What is wrong.
        problem: String,
    },
    /// Nothing counts steps.
    #[error(
        "{name}: no column counts steps; found {}, but there must be one such as step, _step, global_step, \
         trainer/global_step or iter, or, for the norms of one step, the columns layer,weight_norm,grad_norm",
        quote_all(found.iter())
    )]
    NoSteps {
        /// The file.
        name: String,
        /// Its columns.
        found: Vec<String>,
    },
    /// No tag is a norm.
    #[error(
        "{names}: no tag is {gradient}/LAYER or LAYER/{gradient}, or the same with {weight}; there are {}. Name what \
         your tags say: --weight PATTERN and --gradient PATTERN, in Python weight=… and gradient=…",
        quote_all(tags.iter())
    )]
    NoNorms {
        /// The sources.
        names: String,
        /// The name of weight norms.
        weight: String,
        /// The name of gradient norms.
        gradient: String,
        /// The tags that are there.
        tags: Vec<String>,
    },
    /// Histograms instead of norms.
    #[error(
        "{names}: {} hold histograms, from which no norm follows; log two numbers for each weight p of the model: \
         weight_norm/NAME = p.norm() and grad_norm/NAME = p.grad.norm()",
        quote_all(tags.iter())
    )]
    Histograms {
        /// The sources.
        names: String,
        /// The tags.
        tags: Vec<String>,
    },
    /// Norms of which none makes an ELR.
    #[error("{names}: {problem}, but an ELR is |grad W|/|W|: log both norms of each weight. Other tags: {}", quote_all(tags.iter()))]
    Unpaired {
        /// The sources.
        names: String,
        /// Which layer lacks what.
        problem: String,
        /// Tags that are no norms.
        tags: Vec<String>,
    },
    /// More runs than one.
    #[error("{names}: there are norms of {} runs: {}; choose one by --run NAME, in Python run=NAME", runs.len(), quote_all(runs.iter()))]
    SeveralRuns {
        /// The sources.
        names: String,
        /// The runs.
        runs: Vec<String>,
    },
    /// A run that is not there.
    #[error("{names}: no run is called {}; there are {}", quote(run), quote_all(runs.iter()))]
    UnknownRun {
        /// The sources.
        names: String,
        /// The run that was asked for.
        run: String,
        /// The runs that are there.
        runs: Vec<String>,
    },
    /// A name or pattern of layers that describes none.
    #[error(
        "{names}: {option} {} is no layer and describes none; there are {}",
        quote(pattern),
        quote_all(layers.iter())
    )]
    UnknownLayer {
        /// The sources.
        names: String,
        /// `skip` or `only`.
        option: &'static str,
        /// What was given.
        pattern: String,
        /// The layers that are there.
        layers: Vec<String>,
    },
    /// Every layer was left out.
    #[error("{names}: no layer is left of {}; skip fewer", quote_all(layers.iter()))]
    NoneLeft {
        /// The sources.
        names: String,
        /// The layers that are there.
        layers: Vec<String>,
    },
    /// A name that would break a line or a terminal.
    #[error(
        "a layer's name is {}, but must be free of line breaks and other control characters",
        quote(name)
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// A step that is asked of what has none.
    #[error("{name} holds the norms of one step and does not say which; leave out --step")]
    StepOfSnapshot {
        /// The file.
        name: String,
    },
    /// A step without all norms.
    #[error("{names}: norms of all {layers} layers are not there at {at}; {there}")]
    NoStep {
        /// The sources.
        names: String,
        /// How many layers there are.
        layers: usize,
        /// The step, in words.
        at: String,
        /// What is there instead.
        there: String,
    },
    /// A norm from which no ELR follows.
    #[error(
        "{names}: layer {layer}: `{quantity}` is `{value}` at step {step}, but must be finite and above 0; {advice}"
    )]
    OutOfRange {
        /// The sources.
        names: String,
        /// The layers, in quotes.
        layer: String,
        /// Which norm.
        quantity: &'static str,
        /// Its value, as it was written.
        value: String,
        /// The step.
        step: u64,
        /// What to do about it.
        advice: String,
    },
    /// Two values for the same.
    #[error(
        "`{quantity}` of layer {} at step {step} is {} in {first}, but {} in {second}; give the log of one run, \
         choose by --run NAME, in Python run=NAME, or leave out what was logged again after a restart",
        quote(layer), values.0, values.1
    )]
    Conflict {
        /// Which norm.
        quantity: &'static str,
        /// The layer.
        layer: String,
        /// The step.
        step: u64,
        /// Both values.
        values: (f64, f64),
        /// Where the first was read.
        first: String,
        /// Where the second was read.
        second: String,
    },
    /// Reading stops here because nothing more is needed. Never seen outside.
    #[doc(hidden)]
    #[error("enough was read")]
    Enough,
}
