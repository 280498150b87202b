//! Which figures a report has.

use evenkeel_runs::folder::{LayerLine, Run, StepLine, UnitLine};
use evenkeel_runs::prediction::Prediction;
use evenkeel_runs::summary::decades;

use crate::figure::{Color, Content, Division, Figure, Heatmap, Lines, Series, Stroke};

/// Most points of a line and columns of a heatmap: more than a figure has pixels for is thinned.
const MOST_POINTS: usize = 720;
const MOST_COLUMNS: usize = 180;

/// All figures of `runs`: those that compare, then those of each run.
pub fn all(runs: &[Run]) -> Vec<Figure> {
    let range = color_range(runs);
    let mut figures = vec![
        spread(runs),
        loss(runs),
        accuracy(runs),
        profile(runs, "elr-by-layer-first", "first step", |run| {
            run.layers.first()
        }),
        profile(runs, "elr-by-layer-last", "last step", |run| {
            run.layers.last()
        }),
    ];
    for (index, run) in runs.iter().enumerate() {
        figures.push(heatmap(index, run, range));
        figures.push(learning_rate(index, run));
        figures.extend(within_layers(index, run));
    }
    figures
}

/// Every `k`-th item, so that at most `most` are left; the first always stays.
pub fn thinned<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    items.iter().step_by(items.len().div_ceil(most).max(1))
}

fn line(
    run: &Run,
    label: String,
    color: usize,
    stroke: Stroke,
    value: impl Fn(&StepLine) -> Option<f64>,
) -> Series {
    Series {
        label,
        color: Color::Palette(color),
        stroke,
        points: thinned(&run.steps, MOST_POINTS)
            .filter_map(|line| Some((line.step as f64, value(line)?)))
            .collect(),
    }
}

fn spread(runs: &[Run]) -> Figure {
    let mut series = Vec::new();
    for (color, run) in runs.iter().enumerate() {
        let control = run.control();
        series.push(line(
            run,
            control.to_owned(),
            color,
            Stroke::Solid,
            |line| line.spread_range.map(decades),
        ));
        if run.layers.iter().any(|line| line.lr_multiplier.is_some()) {
            let label = format!("{control}, before hold");
            series.push(line(run, label, color, Stroke::Dotted, |line| {
                line.spread_before_hold.map(decades)
            }));
        }
    }
    // On top, where measured lines cannot hide them.
    for (color, run) in runs.iter().enumerate() {
        if let Some(forecast) = Prediction::of(run).map(|start| start.steady()) {
            let spreads: Vec<(usize, f64)> = forecast
                .spreads
                .iter()
                .map(|spread| spread.decades())
                .enumerate()
                .collect();
            series.push(Series {
                label: format!("{}, forecast", run.control()),
                color: Color::Palette(color),
                stroke: Stroke::Dashed,
                points: thinned(&spreads, MOST_POINTS)
                    .map(|(step, decades)| (*step as f64, *decades))
                    .collect(),
            });
        }
    }
    Figure::over_steps(
        "spread",
        "Spread of effective learning rates",
        "How far apart the layers' effective learning rates are, in decades between the largest and the smallest. \
         Solid: measured, as the rates act. Dashed: forecast by the theory from step 0 alone. Dotted: what a held \
         network's next batch found before the rates were made equal again.",
        ("range of ELRs (decades)", false),
        series,
    )
}

fn loss(runs: &[Run]) -> Figure {
    let series = runs.iter().enumerate().map(|(color, run)| {
        line(
            run,
            run.control().to_owned(),
            color,
            Stroke::Solid,
            |line| Some(line.loss),
        )
    });
    Figure::over_steps(
        "loss",
        "Training loss",
        "Cross-entropy of each training batch, before the update.",
        ("cross-entropy (nats)", false),
        series.collect(),
    )
}

fn accuracy(runs: &[Run]) -> Figure {
    let mut series = Vec::new();
    for (color, run) in runs.iter().enumerate() {
        for (suffix, stroke, value) in [
            (
                "test",
                Stroke::Solid,
                (|e| e.test_accuracy) as fn(&evenkeel_runs::folder::EvalLine) -> f64,
            ),
            ("training", Stroke::Dotted, |e| e.train_accuracy),
        ] {
            series.push(Series {
                label: format!("{}, {suffix}", run.control()),
                color: Color::Palette(color),
                stroke,
                points: run
                    .evals
                    .iter()
                    .map(|e| (e.step as f64, value(e)))
                    .collect(),
            });
        }
    }
    Figure::over_steps(
        "accuracy",
        "Accuracy",
        "Share of rows classified correctly, with the statistics of batch normalization re-estimated on the \
         training set before each evaluation.",
        ("share correct", false),
        series,
    )
}

fn profile(
    runs: &[Run],
    name: &str,
    moment: &str,
    pick: impl Fn(&Run) -> Option<&LayerLine>,
) -> Figure {
    let series = runs.iter().enumerate().filter_map(|(color, run)| {
        let elrs = &pick(run)?.elr;
        Some(Series {
            label: run.control().to_owned(),
            color: Color::Palette(color),
            stroke: [Stroke::Solid, Stroke::Dashed, Stroke::Dotted][color % 3],
            points: elrs
                .iter()
                .enumerate()
                .map(|(layer, elr)| (layer as f64, *elr))
                .collect(),
        })
    });
    Figure {
        name: name.to_owned(),
        title: format!("ELR by layer, {moment}"),
        caption: format!(
            "Effective learning rate of each layer as it acts in the {moment}, from the input (0) to the output. \
             An even keel is a flat line."
        ),
        run: None,
        content: Content::Lines(Lines {
            x: "layer".to_owned(),
            y: "ELR".to_owned(),
            log: true,
            log_x: false,
            series: series.collect(),
        }),
    }
}

fn learning_rate(index: usize, run: &Run) -> Figure {
    let control = run.control();
    let series = vec![
        line(run, "critical".into(), 1, Stroke::Dashed, |line| {
            line.critical_lr
        }),
        line(run, "target".into(), 6, Stroke::Dotted, |line| {
            Some(line.target_lr)
        }),
        line(run, "used".into(), 0, Stroke::Solid, |line| Some(line.lr)),
    ];
    Figure {
        name: format!("learning-rate-{}", file_name(control)),
        title: format!("Learning rate, {control}"),
        caption: format!(
            "The rate used under {control}, the rate that the schedule asks for, and the critical rate at the \
             effective learning rates of the moment. Where the target is above the critical rate, layers turn too far."
        ),
        run: Some(index),
        content: Content::Lines(Lines {
            x: "step".to_owned(),
            y: "learning rate".to_owned(),
            log: true,
            log_x: false,
            series,
        }),
    }
}

/// How far apart the units of each layer are, where units were measured.
fn within_layers(index: usize, run: &Run) -> Option<Figure> {
    let (first, last) = (run.units.first()?, run.units.last()?);
    let control = run.control();
    let quantile = |line: &UnitLine, q: usize, label: &str, color, stroke| Series {
        label: label.to_owned(),
        color: Color::Palette(color),
        stroke,
        points: (line.elr.iter().enumerate())
            .filter(|(_, quantiles)| quantiles[q] > 0.0)
            .map(|(layer, quantiles)| (layer as f64, quantiles[q]))
            .collect(),
    };
    let both = [(first, "first step", 6), (last, "last step", 0)];
    let series = both.into_iter().flat_map(|(line, moment, color)| {
        [
            quantile(line, 0, &format!("{moment}, least"), color, Stroke::Dotted),
            quantile(line, 2, &format!("{moment}, median"), color, Stroke::Solid),
            quantile(line, 4, &format!("{moment}, most"), color, Stroke::Dashed),
        ]
    });
    Some(Figure {
        name: format!("elr-of-units-{}", file_name(control)),
        title: format!("ELR of units by layer, {control}"),
        caption: format!(
            "Effective learning rates of the single rows or filters of each layer under {control}, as they act: least, \
             median and most. What is between the lines is the spread within layers."
        ),
        run: Some(index),
        content: Content::Lines(Lines {
            x: "layer".to_owned(),
            y: "ELR".to_owned(),
            log: true,
            log_x: false,
            series: series.collect(),
        }),
    })
}

/// The common colour scale of all heatmaps, so that runs can be compared.
fn color_range(runs: &[Run]) -> (f64, f64) {
    let logs = || {
        runs.iter()
            .flat_map(|run| thinned(&run.layers, MOST_COLUMNS))
            .flat_map(|line| &line.elr)
            .filter_map(|elr| log10(*elr))
    };
    let low = logs().fold(f64::INFINITY, f64::min);
    let high = logs().fold(f64::NEG_INFINITY, f64::max);
    if low < high { (low, high) } else { (-1.0, 0.0) }
}

fn log10(elr: f64) -> Option<f64> {
    (elr > 0.0).then(|| elr.log10())
}

fn heatmap(index: usize, run: &Run, range: (f64, f64)) -> Figure {
    let control = run.control();
    let lines: Vec<&LayerLine> = thinned(&run.layers, MOST_COLUMNS).collect();
    let width = match lines.as_slice() {
        [first, second, ..] => second.step - first.step,
        _ => 1,
    };
    let column = |line: &&LayerLine| line.elr.iter().map(|elr| log10(*elr)).collect();
    Figure {
        name: format!("elr-heatmap-{}", file_name(control)),
        title: format!("ELR over layers and steps, {control}"),
        caption: format!(
            "Effective learning rate of every layer (input at the bottom) at every step under {control}, as it acts. \
             One colour from bottom to top means that all layers learn at the same rate."
        ),
        run: Some(index),
        content: Content::Heatmap(Heatmap {
            x: Division {
                label: "step".to_owned(),
                start: 0.0,
                width: width as f64,
            },
            y: Division {
                label: "layer (0 at the input)".to_owned(),
                start: 0.0,
                width: 1.0,
            },
            columns: lines.iter().map(column).collect(),
            range,
            legend: "log10 ELR".to_owned(),
        }),
    }
}

fn file_name(control: &str) -> String {
    control.replace([':', '+'], "-")
}
