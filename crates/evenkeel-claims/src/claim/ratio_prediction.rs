//! Log ratios of ELRs as forecast from step 0, against those measured, by horizon.

use evenkeel::quantity::Elr;
use evenkeel::spread::Spread;
use evenkeel_report::figure::{Figure, Lines, Stroke};
use evenkeel_runs::folder::Run;
use evenkeel_runs::prediction::{Prediction, acting_elrs};
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, Verdict};
use crate::grid::{log_spaced, mlp, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::{mean, median, r2};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "ratio-prediction",
    title: "The recurrence predicts layer-wise ratios of ELRs over hundreds of steps",
    statement: "From the ELRs of step 0 and the rate alone, E′ = E/(1 + λ²E²) predicts how ratios between layers evolve under \
                constant rates (T5, T7). A common factor in all gradients changes no ratio in one step (T20), so that the \
                measured one may be used to tell the falling of the loss from the dynamics of ratios.",
    measure: "Log ELRs relative to their mean over layers, forecast and measured, at horizons of 1 to 300 steps. The claim holds \
              at a rate if the forecast explains at least half of the variance over layers at horizon 100 (R² ≥ 0.5, the median \
              of the seeds), and if its mean error is smaller than that of saying that nothing changes. Judged apart: rates up to \
              the critical one, 1/E_max at step 0, and rates above.",
    runs,
    sheets: &[Sheet {
        name: "horizons",
        settings: &["depth", "lr", "seed"],
        columns: &[
            "lr_over_critical",
            "step",
            "r2",
            "error",
            "r2_scaled",
            "error_scaled",
            "error_unchanged",
            "decades",
            "decades_forecast",
            "decades_scaled",
        ],
        rows,
    }],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let nets = vary(vec![mlp(20, 64, 301)], [20, 50], |run, depth| {
        run.depth = Some(depth)
    });
    let runs = vary(nets, log_spaced(0.001, 3.0, 8), |run, lr| run.lr = lr);
    seeds(runs, 0..scale.seeds(3, 10))
}

/// Logarithms relative to their mean.
fn relative(elrs: impl Iterator<Item = f64>) -> Vec<f64> {
    let logs: Vec<f64> = elrs.map(f64::ln).collect();
    let mean = mean(&logs).value;
    logs.iter().map(|log| log - mean).collect()
}

fn of_elrs(elrs: &[Elr]) -> Vec<f64> {
    relative(elrs.iter().map(|elr| elr.get()))
}

fn rows(run: &Run) -> Vec<Vec<Value>> {
    let found = Prediction::of(run).and_then(|start| Some((start.steady(), start.scaled(run)?)));
    let (Some((steady, scaled)), Some(first)) = (found, run.layers.first()) else {
        return Vec::new();
    };
    let highest = first.elr.iter().copied().fold(0.0, f64::max);
    let start = relative(first.elr.iter().copied());
    let row = |step: usize| {
        let line = run.layers.get(step)?;
        let measured = relative(line.elr.iter().copied());
        let compared = |foretold: Vec<f64>| {
            let pairs: Vec<_> = foretold.into_iter().zip(measured.iter().copied()).collect();
            let error: Vec<f64> = pairs.iter().map(|(f, m)| (f - m).abs()).collect();
            (r2(&pairs), mean(&error).value)
        };
        let (with_steady, with_scale) = (
            compared(of_elrs(steady.elrs.get(step)?)),
            compared(of_elrs(scaled.elrs.get(step)?)),
        );
        Some(vec![
            (run.header.spec.lr * highest).into(),
            step.into(),
            with_steady.0.into(),
            with_steady.1.into(),
            with_scale.0.into(),
            with_scale.1.into(),
            compared(start.clone()).1.into(),
            Spread::of(&acting_elrs(line)?).decades().into(),
            steady.spreads.get(step)?.decades().into(),
            scaled.spreads.get(step)?.decades().into(),
        ])
    };
    [1, 3, 10, 30, 100, 300]
        .into_iter()
        .filter_map(row)
        .collect()
}

/// Whether forecasts at a rate are worth something, by the rule.
fn holds(rows: &[Row]) -> bool {
    let better =
        mean(&numbers(rows, "error")).value < mean(&numbers(rows, "error_unchanged")).value;
    median(&numbers(rows, "r2")) >= 0.5 && better
}

fn judge(evidence: &Evidence) -> Finding {
    let table = evidence.sheet("horizons");
    let far = table.rows().filter(|row| row.number("step") == 100.0);
    let rates = groups(far, &["depth", "lr"]);
    let (below, above): (Vec<_>, Vec<_>) = rates
        .iter()
        .partition(|(_, rows)| median(&numbers(rows, "lr_over_critical")) <= 1.0);
    let good =
        |rates: &[&(Vec<String>, Vec<Row>)]| rates.iter().filter(|(_, rows)| holds(rows)).count();
    let (good_below, good_above) = (good(&below), good(&above));
    let next: Vec<_> = table
        .rows()
        .filter(|row| row.number("step") == 1.0)
        .collect();
    Finding {
        verdict: Verdict::of_parts(rates.iter().map(|(_, rows)| holds(rows))),
        because: format!(
            "After one step the forecast explains {:.2} of the variance over layers (median over rates and seeds). After 100 steps \
             it holds by the rule at {good_below} of {} rates up to the critical one, and at {good_above} of {} above. Where it \
             fails, base gradients have parted (see norm-law): the layers that turned most have lost theirs.",
            median(&numbers(&next, "r2")),
            below.len(),
            above.len()
        ),
        figures: vec![
            figure(evidence, "50"),
            figure(evidence, "20"),
            spreads(evidence),
        ],
        tables: vec![show::table(
            "R² and mean error of log ratios (natural) by horizon; `scaled` with the measured common scale of gradients (T20); \
             `unchanged` is the error of saying that nothing changes.",
            table
                .rows()
                .filter(|row| [1.0, 10.0, 100.0, 300.0].contains(&row.number("step"))),
            &[("depth", "depth"), ("lr", "λ"), ("step", "step")],
            &[
                ("lr_over_critical", "λ·E_max", 2),
                ("r2", "R²", 2),
                ("r2_scaled", "R² scaled", 2),
                ("error", "error", 2),
                ("error_scaled", "error scaled", 2),
                ("error_unchanged", "unchanged", 2),
            ],
        )],
    }
}

fn figure(evidence: &Evidence, depth: &str) -> Figure {
    let rows = evidence
        .sheet("horizons")
        .rows()
        .filter(|row| row.text("depth") == depth);
    Figure::of_lines(
        &format!("errors-{depth}"),
        &format!("Error of forecast log ratios, depth {depth}"),
        &format!(
            "Mean absolute error over layers of forecast log ELR ratios from step 0, BN-MLP of depth {depth}, by rate; the mean over seeds."
        ),
        Lines {
            x: "step".to_owned(),
            y: "mean error (natural logarithm)".to_owned(),
            log: false,
            log_x: true,
            series: show::curves(rows, &["lr"], ("step", "error"), |key| {
                format!("λ = {}", key[0])
            }),
        },
    )
}

fn spreads(evidence: &Evidence) -> Figure {
    let last: Vec<_> = evidence
        .sheet("horizons")
        .rows()
        .filter(|row| row.number("step") == 300.0 && row.text("depth") == "50")
        .collect();
    let series = [
        ("decades", "measured"),
        ("decades_forecast", "forecast"),
        ("decades_scaled", "forecast with measured scale"),
    ];
    let series = series
        .into_iter()
        .enumerate()
        .map(|(index, (column, label))| {
            let stroke = if index == 0 {
                Stroke::Solid
            } else {
                Stroke::Dashed
            };
            show::line(label, index, stroke, show::means(&last, "lr", column))
        });
    Figure::of_lines(
        "spread-after-300",
        "Range of ELRs after 300 steps, depth 50",
        "Range of ELRs after 300 steps by rate, measured and forecast; the mean over seeds.",
        Lines {
            x: "learning rate".to_owned(),
            y: "range of ELRs (decades)".to_owned(),
            log: false,
            log_x: true,
            series: series.collect(),
        },
    )
}
