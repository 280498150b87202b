//! `evenkeel phase`: how long until equal, by learning rate and initial spread.

use std::path::PathBuf;

use evenkeel::control::Controls;
use evenkeel::critical::Regime;
use evenkeel::diagnosis::EQUAL;
use evenkeel::flow;
use evenkeel::optimizer::{Decay, Optimizer};
use evenkeel::phase::{Cell, cell, network};
use evenkeel::quantity::LearningRate;
use evenkeel_report as report;
use evenkeel_report::figure::{Content, Division, Figure, Heatmap};

use crate::exit::{Exit, usage};
use crate::table::table;

/// Map how long the ELRs of a network take to become equal, over learning rate and initial spread.
///
/// For networks whose ELRs are spaced geometrically around a mean of 1; with another mean, divide
/// the rate by it. Equal means that the largest is at most twice the smallest. By the theory of
/// plain SGD with steady base gradients, which large turns break.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Controls, separated by commas: one diagram each.
    #[arg(
        long,
        default_value = "none,critical:no-overshoot,critical:top-pair,critical:minimax",
        value_name = "A[,B...]"
    )]
    control: String,

    /// Layers of the network.
    #[arg(long, default_value_t = 16, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(2..=1000))]
    layers: u16,

    /// Largest initial spread in decades.
    #[arg(long, default_value_t = 6.0, value_name = "NUMBER")]
    decades: f64,

    /// Rates from 10^-N to 10^N times the inverse of the mean ELR.
    #[arg(long, default_value_t = 3.0, value_name = "N")]
    lr_decades: f64,

    /// Points along each axis.
    #[arg(long, default_value_t = 21, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(2..=400))]
    points: u16,

    /// Print CSV: control, decades, lr, steps, regime.
    #[arg(long)]
    csv: bool,

    /// Draw the diagrams; the ending says how: .html for all, .svg or .png for the first.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// A diagram: a column for each rate, a cell for each initial spread.
struct Diagram {
    control: String,
    columns: Vec<Vec<Cell>>,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    for (option, value) in [
        ("--decades", args.decades),
        ("--lr-decades", args.lr_decades),
    ] {
        if !(value > 0.0 && value <= 100.0) {
            return Err(usage(format!(
                "{option} is {value}, but must be above 0 and at most 100"
            )));
        }
    }
    let diagrams = args
        .control
        .split(',')
        .map(|control| diagram(&args, control.trim()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(path) = &args.plot {
        let figures: Vec<Figure> = diagrams
            .iter()
            .map(|diagram| figure(&args, diagram))
            .collect();
        report::plot(path, "Phase diagram of effective learning rates", &figures)?;
    }
    let text = if args.csv {
        as_csv(&diagrams)
    } else {
        readable(args.layers.into(), &diagrams)
    };
    Ok((text, Exit::Done))
}

/// The middles of the parts into which an axis is divided.
fn middle(index: u16, start: f64, width: f64) -> f64 {
    start + width * (f64::from(index) + 0.5)
}

fn diagram(args: &Args, control: &str) -> anyhow::Result<Diagram> {
    let controls: Controls = control.parse().map_err(usage)?;
    let sgd = Optimizer::sgd(Decay::None);
    let points = f64::from(args.points);
    let (rate_width, spread_width) = (2.0 * args.lr_decades / points, args.decades / points);
    let column = |rate: u16| {
        let lr = LearningRate::from_ln(
            middle(rate, -args.lr_decades, rate_width) * std::f64::consts::LN_10,
        );
        let at = |row: u16| {
            cell(
                args.layers.into(),
                middle(row, 0.0, spread_width),
                lr,
                &sgd,
                &controls,
            )
        };
        (0..args.points).map(at).collect()
    };
    Ok(Diagram {
        control: controls.to_string(),
        columns: (0..args.points).map(column).collect(),
    })
}

fn as_csv(diagrams: &[Diagram]) -> String {
    let mut text = "control,decades,lr,steps,regime\n".to_owned();
    for diagram in diagrams {
        for cell in diagram.columns.iter().flatten() {
            let steps = cell.steps.map_or(String::new(), |steps| steps.to_string());
            let regime = match cell.regime {
                Regime::Converging => "converging",
                Regime::Critical => "critical",
                Regime::Flipped => "flipped",
            };
            text += &format!(
                "{},{},{},{steps},{regime}\n",
                diagram.control, cell.decades, cell.lr
            );
        }
    }
    text
}

/// For each control and some initial spreads, the best rate of the diagram and its steps.
fn readable(layers: usize, diagrams: &[Diagram]) -> String {
    let mut rows = Vec::new();
    for diagram in diagrams {
        let count = diagram.columns.first().map_or(0, Vec::len);
        for row in (0..count).step_by(count.div_ceil(6).max(1)) {
            let cells = diagram.columns.iter().map(|column| column[row]);
            let best = cells.filter(|cell| cell.steps.is_some()).min_by(|a, b| {
                a.steps
                    .unwrap_or(f64::MAX)
                    .total_cmp(&b.steps.unwrap_or(f64::MAX))
            });
            let Some(best) = best else { continue };
            // T10 is about constant rates.
            let elrs = network(layers, best.decades);
            let rough = match diagram.control.as_str() {
                "none" => format!("{:.1}", flow::steps_until_equal(&elrs, best.lr, EQUAL)),
                _ => "–".to_owned(),
            };
            rows.push([
                diagram.control.clone(),
                format!("{:.2}", best.decades),
                format!("{:.3e}", best.lr.get()),
                format!("{:.0}", best.steps.unwrap_or(f64::NAN)),
                rough,
            ]);
        }
    }
    let headings = [
        "control",
        "decades",
        "best rate × mean ELR",
        "steps until equal",
        "T10 at that rate",
    ];
    table(headings, &rows)
}

fn figure(args: &Args, diagram: &Diagram) -> Figure {
    let points = f64::from(args.points);
    let log = |cell: &Cell| cell.steps.map(|steps| (steps + 1.0).log10());
    Figure {
        name: format!("phase-{}", diagram.control.replace([':', '+'], "-")),
        title: format!("Steps until equal, {}", diagram.control),
        caption: format!(
            "Steps until the largest ELR is at most twice the smallest, under {}, by learning rate (times the mean ELR) \
             and initial spread. White: not foreseen. At a rate of 1 the fastest and the slowest layer are critical.",
            diagram.control
        ),
        run: None,
        content: Content::Heatmap(Heatmap {
            x: Division {
                label: "log10 of learning rate × mean ELR".to_owned(),
                start: -args.lr_decades,
                width: 2.0 * args.lr_decades / points,
            },
            y: Division {
                label: "initial spread (decades)".to_owned(),
                start: 0.0,
                width: args.decades / points,
            },
            columns: diagram
                .columns
                .iter()
                .map(|column| column.iter().map(log).collect())
                .collect(),
            range: (0.0, 8.0),
            legend: "log10 (steps + 1)".to_owned(),
        }),
    }
}
