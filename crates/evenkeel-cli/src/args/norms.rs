//! The norms that a command starts from: a file, standard input, the folder of a run, or an
//! architecture.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, bail};
use evenkeel::mean_field::{GRAMMAR, Synthetic, activation, normalization, wiring};
use evenkeel::optimizer::{Measure, Optimizer, Shape};
use evenkeel::quantity::Elr;
use evenkeel_runs::folder::{Run, find_runs};
use evenkeel_snapshot::{Limits, Snapshot};

use crate::args::network::listed;
use crate::exit::usage;

#[derive(Debug, clap::Args)]
pub struct NormsArgs {
    /// CSV, JSON or JSONL with layer, weight_norm, grad_norm (or layer, elr); the folder of a run;
    /// or - for standard input.
    ///
    /// Columns numel and cosine are optional. For AdamW give numel and weight_norm, or as elr the
    /// measured |dW| / (lr |W|). Of a run's folder the first probed step is taken.
    #[arg(value_name = "SNAPSHOT", required_unless_present = "synthetic")]
    snapshot: Option<String>,

    /// Start from an architecture instead, such as bn-relu:50.
    #[arg(long, value_name = "ARCHITECTURE", conflicts_with = "snapshot", long_help = architectures())]
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
    /// The run whose first step it is.
    pub run: Option<Run>,
}

impl NormsArgs {
    /// Reads the norms and makes them the ELRs that `optimizer` goes by.
    pub fn read(&self, optimizer: &Optimizer) -> anyhow::Result<Norms> {
        if let Some(architecture) = &self.synthetic {
            return synthetic(architecture, optimizer.measure());
        }
        let source = self.snapshot.as_deref().unwrap_or("-");
        if Path::new(source).is_dir() {
            return from_run(find_runs(Path::new(source))?, source, optimizer);
        }
        let (source, bytes) = input(source)?;
        let parsed = Snapshot::parse(source, &bytes)?;
        let layers = &parsed.snapshot.layers;
        let mut warnings = parsed.warnings;
        let bare = layers.iter().any(|layer| layer.weight_norm.is_none());
        if optimizer.measure() == Measure::Update && bare {
            let name = optimizer.entry().name;
            warnings.push(format!(
                "{source}: elr is taken as |dW| / (lr |W|), the ELR of an update of {name}"
            ));
        }
        Ok(Norms {
            names: layers.iter().map(|layer| layer.name.clone()).collect(),
            elrs: layers
                .iter()
                .map(|layer| layer.elr_for(optimizer))
                .collect::<Result<_, _>>()?,
            warnings,
            run: None,
        })
    }
}

/// What messages call the source, and what it holds, up to one byte more than a snapshot may have:
/// that is enough for the reader to refuse it.
fn input(source: &str) -> anyhow::Result<(&str, Vec<u8>)> {
    let mut bytes = Vec::new();
    let most = Limits::default().bytes as u64 + 1;
    let (name, read) = if source == "-" {
        let input = std::io::stdin().lock();
        ("standard input", input.take(most).read_to_end(&mut bytes))
    } else {
        let read = |file: fs::File| file.take(most).read_to_end(&mut bytes);
        (source, fs::File::open(source).and_then(read))
    };
    read.map_err(|error| anyhow!("{name}: {error}"))?;
    Ok((name, bytes))
}

fn from_run(runs: Vec<Run>, source: &str, optimizer: &Optimizer) -> anyhow::Result<Norms> {
    let [run] = <[Run; 1]>::try_from(runs)
        .map_err(|runs| anyhow!("{source} holds {} runs; give the folder of one", runs.len()))?;
    let Some(first) = run.layers.first() else {
        bail!("{source} has no probed step yet");
    };
    let updates = run.header.layers.iter().map(|layer| {
        let shape = Shape::of_dimensions(&layer.shape)?;
        optimizer.update_norm(shape)
    });
    let elrs = first
        .weight_norm
        .iter()
        .zip(&first.grad_norm)
        .zip(updates)
        .map(|((weight, gradient), update)| Elr::new(update.unwrap_or(*gradient) / weight))
        .collect::<Result<_, _>>()?;
    Ok(Norms {
        names: run
            .header
            .layers
            .iter()
            .map(|layer| layer.name.clone())
            .collect(),
        elrs,
        warnings: Vec::new(),
        run: Some(run),
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
