//! `evenkeel drift`: how far base gradients drift in runs, and what a forecast is worth with it.

use std::path::PathBuf;

use evenkeel::drift::{Drift, Fit};
use evenkeel::ensemble::{Band, Draws, Ensemble};
use evenkeel::forecast::Forecast;
use evenkeel_runs::folder::{Run, find_runs};
use evenkeel_runs::prediction::Prediction;
use serde_json::{Value, json};

use crate::args::bands::decades;
use crate::args::drift::{measured, read_drift};
use crate::exit::Exit;
use crate::table::table;

/// Measure how base gradients drift while weights turn, on runs, and try forecasts with it.
///
/// The theory takes base gradients |grad W| |W| to be steady. What changes in a network is the gain
/// from each layer to the one before it: by `shift` in the mean and `scatter` over layers, within
/// `reach` radians turned, and by `noise` from batch to batch. Each run is then forecast from its
/// first step: `error` is the mean difference between predicted and measured range of ELRs in
/// decades, with steady gradients and for the middle of the band; `in band` is the share of steps
/// whose measured range lies between the 5 % and the 95 % quantile.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of runs, or of several runs.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,

    /// Forecast all runs with this drift, a run's folder or numbers, instead of each with its own.
    #[arg(long = "with", value_name = "RUN or NUMBERS")]
    given: Option<String>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Possible networks in a band.
const DRAWS: Draws = Draws {
    members: 200,
    seed: 0,
};

/// What was found on a run.
struct Found {
    name: String,
    fit: Fit,
    trial: Option<Trial>,
}

/// How forecasts from the first step fared.
struct Trial {
    steady_error: f64,
    drift_error: f64,
    in_band: f64,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let given = args.given.as_deref().map(read_drift).transpose()?;
    let mut all = Vec::new();
    for folder in &args.runs {
        for run in find_runs(folder)? {
            all.push(find(&run, given)?);
        }
    }
    let text = if args.json {
        let rows: Vec<Value> = all.iter().map(as_json).collect();
        format!("{}\n", Value::from(rows))
    } else {
        readable(&all)
    };
    Ok((text, Exit::Done))
}

fn find(run: &Run, given: Option<Drift>) -> anyhow::Result<Found> {
    let fit = measured(run)?;
    let drift = given.unwrap_or(fit.drift);
    // ELRs that are held equal leave nothing to predict.
    let held = run.layers.iter().any(|line| line.lr_multiplier.is_some());
    let start = Prediction::of(run).filter(|_| !held);
    let trial = start.map(|start| Trial::of(run, &start.steady(), &start.drifting(&drift, DRAWS)));
    Ok(Found {
        name: run.folder.display().to_string(),
        fit,
        trial,
    })
}

impl Trial {
    /// The first step, from which all forecasts start, does not count.
    fn of(run: &Run, steady: &Forecast, drifting: &Ensemble) -> Self {
        let states: Vec<(f64, f64, Band)> = run
            .steps
            .iter()
            .zip(&steady.spreads)
            .zip(&drifting.range)
            .skip(1)
            .filter_map(|((step, steady), band)| Some((step.spread_range?, steady.range, *band)))
            .collect();
        let mean = |value: fn(&(f64, f64, Band)) -> f64| {
            states.iter().map(value).sum::<f64>() / states.len().max(1) as f64
        };
        Self {
            steady_error: mean(|(measured, steady, _)| decades((measured - steady).abs())),
            drift_error: mean(|(measured, _, band)| decades((measured - band.middle).abs())),
            in_band: mean(|(measured, _, band)| f64::from(band.contains(*measured))),
        }
    }
}

fn as_json(found: &Found) -> Value {
    let (fit, drift) = (&found.fit, &found.fit.drift);
    json!({
        "run": found.name,
        "steps": fit.steps,
        "path": fit.path,
        "shift": drift.shift(),
        "scatter": drift.scatter(),
        "reach": drift.reach(),
        "noise": drift.noise(),
        "explained": fit.explained,
        "neighbours": fit.neighbours,
        "neighbours_since_start": fit.neighbours_since_start,
        "steady_error_decades": found.trial.as_ref().map(|trial| trial.steady_error),
        "drift_error_decades": found.trial.as_ref().map(|trial| trial.drift_error),
        "in_band": found.trial.as_ref().map(|trial| trial.in_band),
    })
}

fn readable(all: &[Found]) -> String {
    let rows: Vec<[String; 10]> = all.iter().map(row).collect();
    let headings = [
        "run",
        "steps",
        "turned (rad)",
        "shift",
        "scatter",
        "reach (rad)",
        "noise",
        "error, steady (dec)",
        "with drift (dec)",
        "in band",
    ];
    table(headings, &rows)
}

fn row(found: &Found) -> [String; 10] {
    let (fit, drift) = (&found.fit, &found.fit.drift);
    let trial = |value: fn(&Trial) -> f64| {
        let value = found.trial.as_ref().map(value);
        value.map_or("–".to_owned(), |value| format!("{value:.2}"))
    };
    [
        found.name.clone(),
        fit.steps.to_string(),
        format!("{:.2}", fit.path),
        format!("{:.3}", drift.shift()),
        format!("{:.3}", drift.scatter()),
        format!("{:.2}", drift.reach()),
        format!("{:.3}", drift.noise()),
        trial(|trial| trial.steady_error),
        trial(|trial| trial.drift_error),
        trial(|trial| trial.in_band),
    ]
}
