//! The norms that a command starts from: a file, standard input, the folder of a run, or an
//! architecture.

use std::path::Path;

use evenkeel::mean_field::{GRAMMAR, Synthetic, activation, normalization, wiring};
use evenkeel::optimizer::{Measure, Optimizer, Shape};
use evenkeel::quantity::Elr;
use evenkeel_runs::folder::{Run, find_runs};
use evenkeel_snapshot::{LayerEntry, Parsed, read_log};

use crate::args::log::LogArgs;
use crate::args::network::listed;
use crate::exit::usage;

#[derive(Debug, clap::Args)]
pub struct NormsArgs {
    /// Log of a run, as files or folders in any format that is read; one step's norms; or - for
    /// standard input.
    ///
    /// Logs: what W&B, TensorBoard, MLflow, Lightning, Composer, levanter and Hugging Face write, JSON
    /// Lines, tables with step,layer,weight_norm,grad_norm, and run folders (docs/from-a-log.md). One
    /// step's norms: CSV, JSON or JSONL with layer, weight_norm, grad_norm (or layer, elr), optionally
    /// numel and cosine. For AdamW give numel and weight_norm, update_norm and the learning rate, or
    /// as elr the measured |dW| / (lr |W|).
    #[arg(value_name = "LOG", required_unless_present = "synthetic")]
    log: Vec<String>,

    #[command(flatten)]
    options: LogArgs,

    /// Start from an architecture instead, such as bn-relu:50.
    #[arg(long, value_name = "ARCHITECTURE", conflicts_with = "log", long_help = architectures())]
    synthetic: Option<String>,
}

fn architectures() -> String {
    let wirings = wiring::ALL.iter().filter(|row| row.shortcut);
    let rows = wirings.map(|row| (row.prefix, row.summary));
    let rows = rows.chain(normalization::ALL.iter().map(|row| (row.name, row.summary)));
    let rows = rows.chain(activation::ALL.iter().map(|row| (row.name, row.summary)));
    listed(
        &format!(
            "Start from an architecture instead, {GRAMMAR}: a wide network of equal layers at initialisation, such as \
             bn-relu:50. ELR is that of the last layer, 0.1 unless given; B the batch of a batch normalization, large \
             unless given. res-, NORM and ACTIVATION:"
        ),
        rows,
    )
}

/// Named layers with their ELRs by the optimiser's measure.
pub struct Norms {
    pub names: Vec<String>,
    pub elrs: Vec<Elr>,
    /// What the reader noticed.
    pub warnings: Vec<String>,
    /// The run of evenkeel whose step it is.
    pub run: Option<Run>,
    /// The training step, where it is known.
    pub step: Option<u64>,
}

impl NormsArgs {
    /// Reads the norms and makes them the ELRs that `optimizer` goes by.
    pub fn read(&self, optimizer: &Optimizer) -> anyhow::Result<Norms> {
        if let Some(architecture) = &self.synthetic {
            return synthetic(architecture, optimizer.measure());
        }
        let parsed = read_log(&self.log, &self.options.options())?;
        let mut warnings = parsed.warnings.clone();
        warnings.extend(taken_as_updates(&parsed, optimizer));
        let run = self.run();
        let elrs = match &run {
            Some(run) if optimizer.measure() == Measure::Update => {
                of_shapes(run, &parsed, optimizer)?
            }
            _ => parsed.elrs_for(optimizer)?,
        };
        Ok(Norms {
            names: parsed.snapshot.names().map(str::to_owned).collect(),
            elrs,
            warnings,
            run,
            step: parsed.step,
        })
    }

    /// The run of evenkeel that was given, if it is one.
    fn run(&self) -> Option<Run> {
        let [folder] = self.log.as_slice() else {
            return None;
        };
        let folder = match &self.options.run {
            Some(run) => Path::new(folder).join(run),
            None => Path::new(folder).to_owned(),
        };
        let [run] = <[Run; 1]>::try_from(find_runs(&folder).ok()?).ok()?;
        Some(run)
    }
}

/// The ELRs of first updates, whose norms depend on the shapes of the weights, which a run has.
fn of_shapes(run: &Run, parsed: &Parsed, optimizer: &Optimizer) -> anyhow::Result<Vec<Elr>> {
    let elr = |layer: &LayerEntry| {
        let mut layers = run.header.layers.iter();
        let update = layers
            .find(|header| header.name == layer.name)
            .and_then(|header| {
                let shape = Shape::of_dimensions(&header.shape)?;
                optimizer.update_norm(shape)
            });
        Ok(match (update, layer.weight_norm) {
            (Some(update), Some(weight)) => Elr::new(update / weight.get())?,
            _ => layer.elr_for(optimizer)?,
        })
    };
    parsed.snapshot.layers.iter().map(elr).collect()
}

/// Says that bare ELRs are taken as those of updates, where the optimiser goes by these.
fn taken_as_updates(parsed: &Parsed, optimizer: &Optimizer) -> Option<String> {
    let mut layers = parsed.snapshot.layers.iter();
    let bare = layers.any(|layer| layer.weight_norm.is_none()) && parsed.update_elrs.is_none();
    (optimizer.measure() == Measure::Update && bare).then(|| {
        let name = optimizer.entry().name;
        format!("elr is taken as |dW| / (lr |W|), the ELR of an update of {name}")
    })
}

/// A wide network of equal layers at initialisation (T21).
fn synthetic(text: &str, measure: Measure) -> anyhow::Result<Norms> {
    let network: Synthetic = text.parse().map_err(usage)?;
    let (elrs, warning) = match measure {
        Measure::Gradient => (network.elrs(), caution(&network)),
        Measure::Update => (
            vec![network.last(); network.depth()],
            Some(format!(
                "{text}: this optimizer's updates do not depend on gradients, so layers alike have equal ELRs"
            )),
        ),
    };
    Ok(Norms {
        names: (0..elrs.len())
            .map(|layer| format!("layer{layer}"))
            .collect(),
        elrs,
        warnings: warning.into_iter().collect(),
        run: None,
        step: Some(0),
    })
}

/// Where samples drift apart, the forecast starts from a state that does not last.
fn caution(network: &Synthetic) -> Option<String> {
    let (architecture, disparity) = (network.architecture, network.architecture.disparity());
    (disparity > 1.0).then(|| {
        format!(
            "{architecture}: from layer to layer samples drift apart by a factor {disparity:.2}, so that in deep networks \
             gradients grow faster than mean field says, by some per cents a layer (docs/results/mean-field.md)"
        )
    })
}
