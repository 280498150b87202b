//! Equilibria under weight decay: every layer comes to the same turn a step (T18, T19).

use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::LearningRate;
use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, Verdict};
use crate::grid::{mlp, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::{mean, quantile};
use crate::table::{Row, groups};

pub(super) const CLAIM: Claim = Claim {
    name: "optimisers",
    title: "Under weight decay every layer comes to the same turn a step",
    statement: "Growth and decay meet where λE = √(λγ(2−λγ)) for plain SGD; with momentum a step turns weights by √(2λγ/(1+μ)), with AdamW \
                by √(2ηγ(1−β1)/(1+β1)), the same in every layer (T18, T19; Wan et al. 2021, Kosson et al. 2023).",
    measure: "λE of every layer, averaged over the last third of each run, which is as long as many times 1/(2λγ), against the \
              equilibrium of its optimiser; for momentum λE is that of the gradient, √(2λγ(1−μ)) for coupled decay. With random \
              gradients the median layer is within 5 % of it and 9 of 10 within 10 %; with those of the loss, the median within \
              10 % and 9 of 10 within 25 %. Each optimiser is judged under both. (For AdamW the update's own turn.)",
    runs,
    sheets: &[Sheet {
        name: "equilibria",
        settings: &["gradients", "optimizer", "lr", "seed"],
        columns: &["layer", "tangent", "theory"],
        rows,
    }],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let net = RunSettings {
        eval_rows: 100,
        ..mlp(20, 32, 1000)
    };
    let optimizers = [
        ("sgd:l2=0.05", 0.1),
        ("sgd:decay=0.05", 0.1),
        ("momentum:mu=0.9,l2=0.05", 0.03),
        ("momentum:mu=0.9,decay=0.05", 0.03),
        ("nesterov:mu=0.9,l2=0.05", 0.03),
        ("adamw:decay=0.5", 0.01),
    ];
    let runs = vary(vec![net], optimizers, |run, (optimizer, lr)| {
        (run.optimizer, run.lr) = (optimizer.to_owned(), lr);
    });
    let runs = vary(runs, ["random", "loss"], |run, kind| {
        run.gradients = kind.to_owned()
    });
    seeds(runs, 0..scale.seeds(scale.pick(2, 3), 10))
}

fn rows(run: &Run) -> Vec<Vec<Value>> {
    let spec = &run.header.spec;
    let (Ok(optimizer), Ok(lr)) = (
        spec.optimizer.parse::<Optimizer>(),
        LearningRate::new(spec.lr),
    ) else {
        return Vec::new();
    };
    // Of an update, the logs have all of it, and so its turn; of a gradient, what momentum makes of it.
    let theory = optimizer
        .equilibrium(lr)
        .map(|found| match optimizer.measure() {
            Measure::Gradient => found.tangent,
            Measure::Update => found.turn.get().tan(),
        });
    let last = &run.layers[run.layers.len() * 2 / 3..];
    (0..run.header.layers.len())
        .map(|layer| {
            let squares: Vec<f64> = last
                .iter()
                .filter_map(|line| line.elr.get(layer))
                .map(|elr| (spec.lr * elr).powi(2))
                .collect();
            vec![
                layer.into(),
                mean(&squares).value.sqrt().into(),
                theory.into(),
            ]
        })
        .collect()
}

/// How far each layer is from its equilibrium, relatively.
fn off(rows: &[Row]) -> Vec<f64> {
    rows.iter()
        .map(|row| (row.number("tangent") / row.number("theory") - 1.0).abs())
        .collect()
}

fn judge(evidence: &Evidence) -> Finding {
    let table = evidence.sheet("equilibria");
    let kinds = groups(table.rows(), &["optimizer", "gradients"]);
    let mut parts = Vec::new();
    let mut told = Vec::new();
    for (key, rows) in &kinds {
        let (median, most) = (quantile(&off(rows), 0.5), quantile(&off(rows), 0.9));
        let (near, far) = if key[1] == "random" {
            (0.05, 0.1)
        } else {
            (0.1, 0.25)
        };
        parts.push(median <= near && most <= far);
        told.push(format!(
            "{} on {} gradients: median {:.1} %, 9 of 10 within {:.1} %",
            key[0],
            key[1],
            100.0 * median,
            100.0 * most
        ));
    }
    Finding {
        verdict: Verdict::of_parts(parts),
        because: format!("Off the equilibrium: {}.", told.join("; ")),
        figures: vec![figure(evidence, "random"), figure(evidence, "loss")],
        tables: vec![show::table(
            "Turn a step over layers and seeds, as the root mean square of λE over the last third (an interval over layers and seeds).",
            table.rows(),
            &[
                ("gradients", "gradients"),
                ("optimizer", "optimiser"),
                ("lr", "λ"),
            ],
            &[("tangent", "λE", 5), ("theory", "theory", 5)],
        )],
    }
}

fn figure(evidence: &Evidence, kind: &str) -> Figure {
    let rows: Vec<Row> = evidence
        .sheet("equilibria")
        .rows()
        .filter(|row| row.text("gradients") == kind)
        .collect();
    let mut series = Vec::new();
    for (color, (key, rows)) in groups(rows, &["optimizer"]).into_iter().enumerate() {
        series.push(show::points(
            &key[0],
            color,
            rows.iter()
                .map(|row| (row.number("layer"), row.number("tangent"))),
        ));
        let theory = show::means(&rows, "layer", "theory");
        series.push(show::foretold(color, theory));
    }
    Figure::of_lines(
        &format!("equilibria-{kind}"),
        &format!("Turn a step by layer, gradients: {kind}"),
        &format!(
            "Root mean square of λE over the last third of training by layer, a point a seed, with {kind} gradients; dashed: equilibrium."
        ),
        Lines {
            x: "layer".to_owned(),
            y: "turn a step λE (tangent)".to_owned(),
            log: true,
            log_x: false,
            series,
        },
    )
}
