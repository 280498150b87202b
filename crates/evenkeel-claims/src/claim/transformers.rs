//! Which weights of transformers are scale-invariant, how far their ELRs are apart, what control does.

use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{images, seeds, vary};
use crate::outcome;
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::mean;
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "transformers",
    title: "In transformers few weights are scale-invariant, unless norms are put behind them",
    statement: "Theory and warm-up apply to weights with a normalization behind them. With the norm at a block's input (pre-norm) no \
                weight has one; with normalized queries and keys their projections have; with a norm behind every weight all have. \
                Where ELRs are spread, the warm-up and equalising help.",
    measure: "Found by measurement on each network at initialisation: no scale-invariant weight in gpt, gpt-post and vit; the query \
              and key projections in gpt-qk; more than half of the parameters in gpt-normalized. On gpt-normalized: the range \
              of ELRs at step 0, and the final loss under each control at its best rate; `hold` and `critical` are no worse than \
              none by more than 2 %.",
    runs,
    sheets: &[
        outcome::SHEET,
        Sheet {
            name: "weights",
            settings: &["model", "seed"],
            columns: &["invariant", "matrices", "share"],
            rows: weights,
        },
    ],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let (depth, width, steps) = match scale {
        Scale::Quick | Scale::Standard => (4, 64, 200),
        Scale::Full => (6, 256, 2000),
    };
    let net = RunSettings {
        depth: Some(depth),
        width: Some(width),
        data: "markov".to_owned(),
        context: Some(32),
        batch_size: 16,
        steps,
        eval_every: steps,
        eval_rows: 200,
        optimizer: "adam".to_owned(),
        lr: 0.001,
        ..RunSettings::default()
    };
    let models = ["gpt", "gpt-post", "gpt-qk", "gpt-normalized"];
    let mut runs = vary(vec![net.clone()], models, |run, model| {
        run.model = model.to_owned()
    });
    runs.push(RunSettings {
        model: "vit".to_owned(),
        data: images(scale),
        context: None,
        batch_size: scale.pick(32, 128),
        ..net.clone()
    });
    let normalized = RunSettings {
        model: "gpt-normalized".to_owned(),
        ..net
    };
    let adam = scale.pick(&[0.003, 0.01][..], &[0.001, 0.003, 0.01]);
    let adam = vary(vec![normalized.clone()], adam.to_vec(), |run, lr| {
        run.lr = lr
    });
    let sgd = RunSettings {
        optimizer: "momentum:mu=0.9".to_owned(),
        ..normalized
    };
    let rates = scale.pick(&[0.03, 0.1][..], &[0.01, 0.03, 0.1]);
    let sgd = vary(vec![sgd], rates.to_vec(), |run, lr| run.lr = lr);
    let both = adam.into_iter().chain(sgd).collect();
    runs.extend(vary(
        both,
        ["none", "critical", "hold", "linear:50"],
        |run, control| run.control = control.to_owned(),
    ));
    seeds(runs, 0..scale.seeds(2, 5))
}

fn weights(run: &Run) -> Vec<Vec<Value>> {
    if run.header.spec.control != "none" {
        return Vec::new();
    }
    let numel = |shape: &[usize]| shape.iter().product::<usize>() as f64;
    let invariant: f64 = run
        .header
        .layers
        .iter()
        .map(|layer| numel(&layer.shape))
        .sum();
    let matrices = run
        .header
        .others
        .iter()
        .filter(|other| other.shape.len() > 1);
    let rest: f64 = run
        .header
        .others
        .iter()
        .map(|other| numel(&other.shape))
        .sum();
    vec![vec![
        run.header.layers.len().into(),
        (run.header.layers.len() + matrices.count()).into(),
        (invariant / (invariant + rest)).into(),
    ]]
}

fn judge(evidence: &Evidence) -> Finding {
    let weights = evidence.sheet("weights");
    let of = |model: &str, column: &str| {
        let rows: Vec<Row> = weights
            .rows()
            .filter(|row| row.text("model") == model)
            .collect();
        mean(&numbers(&rows, column)).value
    };
    let none = ["gpt", "gpt-post", "vit"].map(|model| of(model, "invariant"));
    let controlled = controlled(evidence);
    let no_worse = controlled.iter().map(|(_, controls)| {
        let loss = |name: &str| {
            controls
                .iter()
                .find(|(control, ..)| control == name)
                .map_or(f64::NAN, |found| found.2)
        };
        loss("hold") <= 1.02 * loss("none") && loss("critical") <= 1.02 * loss("none")
    });
    let mut parts = vec![
        none.iter().all(|count| *count == 0.0),
        of("gpt-qk", "invariant") > 0.0,
        of("gpt-normalized", "share") > 0.5,
    ];
    parts.extend(no_worse);
    let losses: Vec<String> = controlled
        .iter()
        .map(|(optimizer, controls)| {
            let each: Vec<String> = controls
                .iter()
                .map(|(control, lr, loss)| format!("{control} {loss:.3} at {lr}"))
                .collect();
            format!("{optimizer}: {}", each.join(", "))
        })
        .collect();
    Finding {
        verdict: Verdict::of_parts(parts),
        because: format!(
            "Scale-invariant: {:.0}, {:.0} and {:.0} weights in gpt, gpt-post and vit, {:.0} in gpt-qk, {:.0} in gpt-normalized ({:.0} % of \
             its parameters). Final loss of gpt-normalized at the best rate of each control: {}.",
            none[0],
            none[1],
            none[2],
            of("gpt-qk", "invariant"),
            of("gpt-normalized", "invariant"),
            100.0 * of("gpt-normalized", "share"),
            losses.join("; ")
        ),
        figures: vec![figure(evidence)],
        tables: vec![invariance(evidence), outcomes(evidence)],
    }
}

/// By optimiser, each control with its best rate and the loss there.
type Controlled = Vec<(String, Vec<(String, f64, f64)>)>;

fn controlled(evidence: &Evidence) -> Controlled {
    let rows = evidence
        .sheet("runs")
        .rows()
        .filter(|row| row.text("model") == "gpt-normalized");
    let best = |rows: Vec<Row>| {
        let rates = groups(rows, &["lr"]).into_iter();
        let losses =
            rates.map(|(_, rows)| (rows[0].number("lr"), mean(&numbers(&rows, "loss")).value));
        losses
            .filter(|(_, loss)| loss.is_finite())
            .min_by(|a, b| a.1.total_cmp(&b.1))
    };
    groups(rows, &["optimizer"])
        .into_iter()
        .map(|(mut key, rows)| {
            let controls = groups(rows, &["control"]).into_iter();
            let found = controls.filter_map(|(mut key, rows)| {
                let (lr, loss) = best(rows)?;
                Some((key.remove(0), lr, loss))
            });
            (key.remove(0), found.collect())
        })
        .collect()
}

fn invariance(evidence: &Evidence) -> PageTable {
    show::table(
        "Scale-invariant weights by measurement, among all matrices, and their share of all parameters.",
        evidence.sheet("weights").rows(),
        &[("model", "model")],
        &[
            ("invariant", "scale-invariant", 0),
            ("matrices", "matrices", 0),
            ("share", "share of parameters", 2),
        ],
    )
}

fn outcomes(evidence: &Evidence) -> PageTable {
    show::table(
        "Training: ranges of ELRs in decades, loss in nats, accuracy of the next token or class.",
        evidence.sheet("runs").rows(),
        &[
            ("model", "model"),
            ("optimizer", "optimiser"),
            ("control", "control"),
            ("lr", "λ"),
        ],
        &[
            ("initial", "range at step 0", 2),
            ("spread", "median", 2),
            ("loss", "loss", 3),
            ("accuracy", "accuracy", 3),
        ],
    )
}

fn figure(evidence: &Evidence) -> Figure {
    let rows = evidence
        .sheet("runs")
        .rows()
        .filter(|row| row.text("model") == "gpt-normalized");
    Figure::of_lines(
        "loss-by-rate",
        "Final loss of gpt-normalized by learning rate",
        "Mean loss of the last batches by learning rate, optimiser and control; the mean over seeds.",
        Lines {
            x: "learning rate".to_owned(),
            y: "loss (nats)".to_owned(),
            log: false,
            log_x: true,
            series: show::curves(rows, &["optimizer", "control"], ("lr", "loss"), |key| {
                format!("{}, {}", key[0], key[1])
            }),
        },
    )
}
