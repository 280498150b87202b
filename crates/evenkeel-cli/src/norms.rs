//! The norms that a command starts from: a file, standard input, the folder of a run, or an
//! architecture.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, bail};
use evenkeel::mean_field::bn_relu_explosion;
use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::Elr;
use evenkeel_lab::run_folder::{Run, find_runs};
use evenkeel_snapshot::{LayerEntry, Limits, Snapshot};

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

    /// Start from an architecture instead: bn-relu:DEPTH[:ELR], a wide BN-ReLU network at
    /// initialisation whose last layer has the given ELR [default: 0.1].
    #[arg(long, value_name = "ARCHITECTURE", conflicts_with = "snapshot")]
    synthetic: Option<String>,
}

/// Named layers with their ELRs by the optimiser's measure.
pub struct Norms {
    pub names: Vec<String>,
    pub elrs: Vec<Elr>,
    /// What the reader noticed.
    pub warnings: Vec<String>,
}

impl NormsArgs {
    /// Reads the norms and makes them the ELRs that `optimizer` goes by.
    pub fn read(&self, optimizer: &Optimizer) -> anyhow::Result<Norms> {
        if let Some(architecture) = &self.synthetic {
            return synthetic(architecture);
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
                .map(|layer| elr(layer, optimizer))
                .collect::<anyhow::Result<_>>()?,
            warnings,
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

/// A layer's ELR as the optimiser goes by it: of Adam-type the first update has a root mean square
/// of 1, so that `‖ΔW‖/(λ‖W‖) = √numel/‖W‖` (T19).
fn elr(layer: &LayerEntry, optimizer: &Optimizer) -> anyhow::Result<Elr> {
    match (optimizer.measure(), layer.weight_norm, layer.numel) {
        (Measure::Update, Some(norm), Some(numel)) => {
            Ok(Elr::new((numel as f64).sqrt() / norm.get())?)
        }
        (Measure::Update, Some(_), None) => bail!(
            "layer `{}` has no numel, which {} needs: its updates do not depend on gradients but on the \
             number of weights; add a column numel, or give elr as |dW| / (lr |W|)",
            layer.name,
            optimizer.entry().name
        ),
        _ => Ok(layer.elr),
    }
}

fn from_run(runs: Vec<Run>, source: &str, optimizer: &Optimizer) -> anyhow::Result<Norms> {
    let [run] = runs.as_slice() else {
        bail!("{source} holds {} runs; give the folder of one", runs.len());
    };
    let Some(first) = run.layers.first() else {
        bail!("{source} has no probed step yet");
    };
    let numel = run
        .header
        .layers
        .iter()
        .map(|layer| layer.shape.iter().product::<usize>());
    let elrs = first
        .weight_norm
        .iter()
        .zip(&first.grad_norm)
        .zip(numel)
        .map(|((weight, gradient), numel)| {
            Elr::new(match optimizer.measure() {
                Measure::Gradient => gradient / weight,
                Measure::Update => (numel as f64).sqrt() / weight,
            })
        })
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
    })
}

/// `bn-relu:DEPTH[:ELR]`: norms alike, gradients growing by √(π/(π−1)) a layer (T21).
fn synthetic(architecture: &str) -> anyhow::Result<Norms> {
    let parts: Vec<&str> = architecture.split(':').collect();
    let (depth, last) = match parts.as_slice() {
        ["bn-relu", depth] => (depth.parse().ok(), Some(0.1)),
        ["bn-relu", depth, elr] => (depth.parse().ok(), elr.parse().ok()),
        _ => (None, None),
    };
    let (Some(depth @ 1..=100_000), Some(last)) = (depth, last) else {
        return Err(usage(format!(
            "unknown architecture `{architecture}`; permitted: bn-relu:DEPTH[:ELR] with a depth from 1 to 100000, such \
             as bn-relu:50"
        )));
    };
    let last = Elr::new(last).map_err(usage)?;
    let growth = bn_relu_explosion().ln();
    Ok(Norms {
        names: (0..depth).map(|layer| format!("layer{layer}")).collect(),
        elrs: (0..depth)
            .map(|layer: u32| Elr::from_ln(last.ln() + growth * f64::from(depth - 1 - layer)))
            .collect(),
        warnings: Vec::new(),
    })
}
