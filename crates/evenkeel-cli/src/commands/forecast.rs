//! `evenkeel forecast`: what will happen to anyone's network, from its norms alone.

use std::path::PathBuf;

use evenkeel::forecast::{Forecast, Forecaster};
use evenkeel::quantity::{Elr, LearningRate};
use evenkeel::quote::{inert, shown};
use evenkeel::warmup;
use evenkeel_report as report;
use evenkeel_report::figure::{Color, Figure, Series, Stroke};
use serde_json::{Map, Value, json};

use crate::args::bands::{Bands, decades};
use crate::args::drift::DriftArgs;
use crate::args::dynamics::ControlArgs;
use crate::args::norms::Norms;
use crate::args::rate::RateArgs;
use crate::args::scale::ScaleArgs;
use crate::args::start::{Start, StartArgs};
use crate::exit::{Exit, usage};
use crate::table::table;

/// Values that a forecast may hold: ELRs of all layers at all steps, about 4 GiB.
const MOST_VALUES: usize = 1 << 28;
/// Lines in a figure: more cannot be told apart.
const MOST_LINES: usize = 64;

/// Predict how the effective learning rates of a network will evolve, from its norms alone.
///
/// Reads each layer's norms as any tool can log them and rolls the theory out under a learning-rate
/// schedule, an optimiser and a warm-up. It holds as far as base gradients are steady, that is while
/// no layer turns far in a step; with --drift it says how far that is.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rates: RateArgs,

    #[command(flatten)]
    start: StartArgs,

    #[command(flatten)]
    control: ControlArgs,

    #[command(flatten)]
    drift: DriftArgs,

    #[command(flatten)]
    scale: ScaleArgs,

    /// Steps to predict.
    #[arg(long, value_name = "STEPS")]
    steps: usize,

    /// Print one JSON object: layers, lr, elr, spread, critical, warmup_steps.
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print CSV: step, lr, spread, and the ELR of each layer.
    #[arg(long)]
    csv: bool,

    /// Draw the forecast; the ending says how: .html, .svg or .png.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let (controls, schedule) = (args.control.controls()?, args.rates.schedule(args.steps)?);
    let drift = args.drift.read()?;
    let Start { norms, optimizer } = args.start.read()?;
    if norms.elrs.len().saturating_mul(args.steps) > MOST_VALUES {
        return Err(usage(format!(
            "--steps {} of {} layers are too many values to keep; the product may be {MOST_VALUES}",
            args.steps,
            norms.elrs.len()
        )));
    }
    let scale = args.scale.read(norms.run.as_ref(), args.steps)?;
    let forecaster = Forecaster::new(&norms.elrs, |step| schedule.at(step))
        .optimizer(&optimizer)
        .controls(controls.clone())
        .gradient_scale(|step| scale.at(step));
    let run = forecaster.run(args.steps);
    let bands = drift.map(|(drift, draws)| Bands {
        ensemble: forecaster.ensemble(args.steps, &drift, draws),
        drift,
        draws,
    });
    if let Some(path) = &args.plot {
        report::plot(
            path,
            "Forecast of effective learning rates",
            &figures(&norms, &run, bands.as_ref()),
        )?;
    }
    let text = if args.json {
        format!("{}\n", as_json(&norms, &run, bands.as_ref()))
    } else if args.csv {
        as_csv(&norms, &run, bands.as_ref())
    } else {
        let how = format!("{optimizer}, control {controls}");
        readable(&norms, &run, &how, bands.as_ref())
    };
    Ok((text, Exit::Done))
}

/// The critical rates at step 0, by policy, with the names of the contract.
fn critical(elrs: &[Elr]) -> Vec<(String, LearningRate)> {
    warmup::ALL
        .iter()
        .filter_map(|policy| Some((policy.name.replace('-', "_"), policy.critical(elrs)?)))
        .collect()
}

/// Steps whose rate is below its target at the start; all of them when the warm-up is not over.
fn warmup_steps(run: &Forecast) -> usize {
    run.warmup_steps.unwrap_or(run.lrs.len())
}

fn as_json(norms: &Norms, run: &Forecast, bands: Option<&Bands>) -> Value {
    let critical: Map<String, Value> = critical(&norms.elrs)
        .into_iter()
        .map(|(name, rate)| (name, json!(rate.get())))
        .collect();
    let row = |row: &Vec<Elr>| row.iter().map(|elr| elr.get()).collect::<Vec<f64>>();
    let mut object = json!({
        "layers": norms.names,
        "lr": run.lrs.iter().map(|lr| lr.get()).collect::<Vec<f64>>(),
        "elr": run.elrs.iter().map(row).collect::<Vec<_>>(),
        "spread": {
            "std": run.spreads.iter().map(|spread| spread.std).collect::<Vec<f64>>(),
            "range": run.spreads.iter().map(|spread| spread.range).collect::<Vec<f64>>(),
        },
        "critical": critical,
        "warmup_steps": warmup_steps(run),
    });
    if let Some(bands) = bands {
        object["bands"] = bands.to_json(run);
    }
    object
}

fn as_csv(norms: &Norms, run: &Forecast, bands: Option<&Bands>) -> String {
    let quoted = |name: &String| {
        let name = inert(name);
        match name.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", name.replace('"', "\"\"")),
            false => name.into_owned(),
        }
    };
    let names: Vec<String> = norms.names.iter().map(quoted).collect();
    let extra = bands.map_or(
        "",
        |_| "spread_range_low,spread_range_middle,spread_range_high,",
    );
    let mut text = format!(
        "step,lr,spread_std,spread_range,{extra}{}\n",
        names.join(",")
    );
    for (step, (elrs, spread)) in run.elrs.iter().zip(&run.spreads).enumerate() {
        let lr = run
            .lrs
            .get(step)
            .map_or(String::new(), |lr| lr.get().to_string());
        let elrs: Vec<String> = elrs.iter().map(|elr| elr.get().to_string()).collect();
        let band = bands.map_or(String::new(), |bands| {
            let band = bands.ensemble.range[step];
            format!("{},{},{},", band.low, band.middle, band.high)
        });
        text += &format!(
            "{step},{lr},{},{},{band}{}\n",
            spread.std,
            spread.range,
            elrs.join(",")
        );
    }
    text
}

/// Steps worth a row: 0, 1, 2, 5, 10, 20, … and the last.
fn round_steps(last: usize) -> Vec<usize> {
    let decade =
        |power| [1, 2, 5].map(|digit: usize| digit.saturating_mul(10usize.saturating_pow(power)));
    let mut steps = vec![0];
    steps.extend((0..18).flat_map(decade).filter(|step| *step < last));
    steps.push(last);
    steps.dedup();
    steps
}

fn readable(norms: &Norms, run: &Forecast, how: &str, bands: Option<&Bands>) -> String {
    let named = |elrs: &[Elr], better: fn(f64, f64) -> bool| {
        let best = elrs
            .iter()
            .enumerate()
            .reduce(|a, b| if better(b.1.get(), a.1.get()) { b } else { a });
        best.map_or(String::new(), |(layer, elr)| {
            format!("{:.3e} {}", elr.get(), shown(&norms.names[layer], 40))
        })
    };
    let band = |step: usize| {
        bands.map_or(String::new(), |bands| {
            let band = bands.ensemble.range[step];
            format!(" ({:.2}–{:.2})", decades(band.low), decades(band.high))
        })
    };
    let rows: Vec<[String; 6]> = round_steps(run.lrs.len())
        .into_iter()
        .map(|step| {
            let (elrs, spread) = (&run.elrs[step], run.spreads[step]);
            [
                step.to_string(),
                run.lrs
                    .get(step)
                    .map_or("–".to_owned(), |lr| format!("{:.4e}", lr.get())),
                format!("{:.2}{}", spread.decades(), band(step)),
                format!("{:.3}", spread.std),
                named(elrs, |a, b| a > b),
                named(elrs, |a, b| a < b),
            ]
        })
        .collect();
    let headings = [
        "step",
        "lr",
        bands.map_or("decades", |_| "decades (90 % band)"),
        "std of ln E",
        "largest ELR",
        "smallest ELR",
    ];
    let mut text = format!(
        "{} layers, {how}\n\n{}",
        norms.names.len(),
        table(headings, &rows)
    );
    text += "\nCritical learning rate at step 0:\n";
    for (name, rate) in critical(&norms.elrs) {
        text += &format!("  {:<13} {:.4e}\n", name.replace('_', "-"), rate.get());
    }
    text += &match run.warmup_steps {
        Some(0) => "No warm-up: the rate is at its target from the first step on.\n".to_owned(),
        Some(steps) => format!("The warm-up is over after {steps} steps.\n"),
        None if run.lrs.is_empty() => "No step is taken.\n".to_owned(),
        None => format!("The warm-up is not over after {} steps.\n", run.lrs.len()),
    };
    text + &bands.map_or(String::new(), |bands| bands.verdict(run))
}

fn figures(norms: &Norms, run: &Forecast, bands: Option<&Bands>) -> Vec<Figure> {
    let every = norms.names.len().div_ceil(MOST_LINES).max(1);
    let of_layer = |layer: usize| -> Vec<(f64, f64)> {
        let at = |(step, elrs): (usize, &Vec<Elr>)| (step as f64, elrs[layer].get());
        run.elrs.iter().enumerate().map(at).collect()
    };
    let trajectories = (0..norms.names.len()).step_by(every).map(|layer| Series {
        label: if norms.names.len() <= 7 {
            shown(&norms.names[layer], 40)
        } else {
            String::new()
        },
        points: of_layer(layer),
        color: Color::Scale(layer as f64 / (norms.names.len() - 1).max(1) as f64),
        stroke: Stroke::Solid,
    });
    let spread = |label: &str, color, value: fn(&evenkeel::spread::Spread) -> f64| Series {
        label: label.to_owned(),
        points: run
            .spreads
            .iter()
            .enumerate()
            .map(|(step, s)| (step as f64, value(s)))
            .collect(),
        color: Color::Palette(color),
        stroke: if color == 0 {
            Stroke::Solid
        } else {
            Stroke::Dashed
        },
    };
    let rates = Series {
        label: "used".to_owned(),
        points: run
            .lrs
            .iter()
            .enumerate()
            .map(|(step, lr)| (step as f64, lr.get()))
            .collect(),
        color: Color::Palette(0),
        stroke: Stroke::Solid,
    };
    let mut spreads = Vec::new();
    if let Some(bands) = bands {
        spreads.push(bands.series());
    }
    spreads.push(spread("range (decades)", 0, |s| s.decades()));
    spreads.push(spread("standard deviation of ln E", 1, |s| s.std));
    vec![
        Figure::over_steps(
            "elr",
            "Forecast of effective learning rates",
            "Effective learning rate of each layer over steps, as the theory predicts it from the first state. Dark: first \
             layer; bright: last.",
            ("ELR", true),
            trajectories.collect(),
        ),
        Figure::over_steps(
            "spread",
            "Spread",
            "How far apart the effective learning rates will be: range in decades, and standard deviation of their \
             natural logarithms.",
            ("spread", false),
            spreads,
        ),
        Figure::over_steps(
            "learning-rate",
            "Learning rate",
            "The rate of each step.",
            ("learning rate", true),
            vec![rates],
        ),
    ]
}
