//! The gradient scale of every step, where it was measured (T20).

use std::fs;

use anyhow::{anyhow, bail};
use evenkeel::gradient_scale::MeasuredScale;
use evenkeel_runs::folder::Run;
use evenkeel_runs::prediction::norms_of_line;
use evenkeel_snapshot::Scales;

use crate::exit::usage;

/// The word for the scale of the run whose folder is given.
const MEASURED: &str = "measured";

#[derive(Debug, clap::Args)]
pub struct ScaleArgs {
    /// How large gradients are in each step, apart from the weights' norms: a file with a column
    /// scale, or `measured` for what the run in LOG has measured.
    ///
    /// It tells the dynamics of ratios from the falling of the loss (T20). Only ratios to the first
    /// row count; after the last row the last one holds. CSV, JSON or JSONL, optionally with step.
    /// `measured` is the geometric mean over layers of |W| |grad W|.
    #[arg(long, value_name = "FILE", conflicts_with = "drift")]
    gradient_scale: Option<String>,
}

impl ScaleArgs {
    /// The scales for a forecast of `steps` steps that starts from the norms of `run`, if it does;
    /// what is missing at the end goes to standard error.
    pub fn read(&self, run: Option<&Run>, steps: usize) -> anyhow::Result<MeasuredScale> {
        let Some(source) = &self.gradient_scale else {
            return Ok(MeasuredScale::default());
        };
        let scale = match (source.as_str(), run) {
            (MEASURED, Some(run)) => of_run(run)?,
            (MEASURED, None) => {
                return Err(usage(
                    "--gradient-scale measured is for the folder of a run as LOG; give a file with a column scale",
                ));
            }
            (path, _) => of_file(path)?,
        };
        if scale.steps() < steps {
            eprintln!(
                "warning: --gradient-scale {source} ends after {} of {steps} steps; the last scale holds from there on",
                scale.steps()
            );
        }
        Ok(scale)
    }
}

fn of_file(path: &str) -> anyhow::Result<MeasuredScale> {
    let bytes = fs::read(path).map_err(|error| anyhow!("{path}: {error}"))?;
    let scales = Scales::parse(path, &bytes)?.scales;
    MeasuredScale::relative(&scales)
        .map_err(|error| anyhow!("{path}, relative to its first row: {error}"))
}

fn of_run(run: &Run) -> anyhow::Result<MeasuredScale> {
    let mut steps = Vec::with_capacity(run.layers.len());
    for (index, line) in run.layers.iter().enumerate() {
        let place = || {
            format!(
                "{}, line {}",
                run.folder.join("layers.jsonl").display(),
                index + 1
            )
        };
        if line.step != index {
            bail!(
                "{}: step is {}, but must be {index}: every step must be measured",
                place(),
                line.step
            );
        }
        steps.push(norms_of_line(line).map_err(|error| anyhow!("{}: {error}", place()))?);
    }
    Ok(MeasuredScale::of_norms(&steps))
}
