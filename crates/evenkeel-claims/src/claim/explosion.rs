//! How ELRs explode towards the input at initialisation, against mean field (T21).

use evenkeel::mean_field::{Architecture, Batch, bn_relu_explosion};
use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{mlp, resnet, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::{line, mean};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "explosion",
    title: "At initialisation gradients explode towards the input at the rate of mean field",
    statement: "In deep BN-ReLU networks squared gradient norms grow by π/(π−1) ≈ 1.467 a layer towards the input, 1.211 in \
                norm, for wide layers and large batches (Yang et al. 2019; T21); other activations, norms and batch sizes have \
                rates of their own, and shortcuts tame them.",
    measure: "The growth of ‖∇W‖ a layer is the slope of its logarithm over the inner layers of the first step. BN-ReLU at width \
              256 and batch 512: the 95 % interval of the seeds' mean is within 2 % of 1.2110. Every other normalization, \
              activation and batch of the table that mean field knows: within 3 % of its rate at that batch. Shortcuts: an \
              unbroken residual network grows less than half as fast, in logarithms, as the same without them.",
    runs,
    sheets: &[
        Sheet {
            name: "growth",
            settings: NETWORK,
            columns: &["growth", "mean_field", "decades"],
            rows: growth,
        },
        Sheet {
            name: "profile",
            settings: NETWORK,
            columns: &["layer", "elr"],
            rows: profile,
        },
    ],
    judge,
};

/// What tells networks apart.
const NETWORK: &[&str] = &[
    "model",
    "depth",
    "width",
    "norm",
    "activation",
    "no_shortcut",
    "batch_size",
    "seed",
];

fn runs(scale: Scale) -> Vec<RunSettings> {
    let named = |text: &str| Some(text.to_owned());
    let mut runs = vary(vec![mlp(50, 64, 1)], [32, 64, 128, 256], |run, width| {
        run.width = Some(width)
    });
    runs = vary(runs, [16, 128, 512], |run, size| run.batch_size = size);
    let other = [
        ("bn", "tanh"),
        ("bn", "gelu"),
        ("bn", "identity"),
        ("ln", "relu"),
        ("ln", "tanh"),
        ("rms", "relu"),
    ];
    runs.extend(vary(
        vec![mlp(50, 256, 1)],
        other,
        |run, (norm, activation)| {
            (run.norm, run.activation) = (named(norm), named(activation));
            run.batch_size = 512;
        },
    ));
    runs.extend(vary(vec![mlp(20, 128, 1)], [20, 100], |run, depth| {
        run.depth = Some(depth)
    }));
    let residual = RunSettings {
        steps: 1,
        eval_every: 1,
        shrink: None,
        ..resnet(scale)
    };
    runs.extend(vary(vec![residual], [false, true], |run, without| {
        run.no_shortcut = without
    }));
    seeds(runs, 0..scale.seeds(3, 10))
}

/// The inner layers: the first and the last see another input and another gradient.
fn inner(run: &Run) -> Vec<(f64, f64)> {
    let Some(first) = run.layers.first() else {
        return Vec::new();
    };
    let last = first.grad_norm.len().saturating_sub(1);
    let points = first.grad_norm.iter().enumerate();
    points
        .filter(|(layer, gradient)| *layer > 0 && *layer < last && **gradient > 0.0)
        .map(|(layer, gradient)| (layer as f64, gradient.ln()))
        .collect()
}

fn growth(run: &Run) -> Vec<Vec<Value>> {
    let growth = (-line(&inner(run)).slope).exp();
    let decades = run.steps.first().and_then(|step| step.raw_spread_range);
    vec![vec![
        growth.into(),
        mean_field(&run.header.spec).into(),
        decades.map(evenkeel_runs::summary::decades).into(),
    ]]
}

fn profile(run: &Run) -> Vec<Vec<Value>> {
    let first = run.layers.first().filter(|_| run.header.spec.seed == 0);
    let elrs = first
        .into_iter()
        .flat_map(|line| line.elr.iter().enumerate());
    elrs.map(|(layer, elr)| vec![layer.into(), (*elr).into()])
        .collect()
}

/// What mean field says of a network's growth in norm, where it says anything.
fn mean_field(spec: &RunSettings) -> Option<f64> {
    let (norm, activation) = (spec.norm.as_deref()?, spec.activation.as_deref()?);
    let wide = Architecture::named(&format!("{norm}-{activation}")).ok();
    let wide = wide.filter(|_| spec.model == "mlp")?;
    let batch = u32::try_from(spec.batch_size)
        .ok()
        .and_then(|rows| Batch::of(rows).ok());
    let finite = batch.and_then(|batch| {
        Architecture::named(&format!("{norm}-{activation}"))
            .ok()?
            .with_batch(batch)
            .ok()
    });
    Some(finite.unwrap_or(wide).growth().sqrt())
}

fn judge(evidence: &Evidence) -> Finding {
    let growth = evidence.sheet("growth");
    let networks = groups(
        growth.rows(),
        &[
            "model",
            "norm",
            "activation",
            "no_shortcut",
            "depth",
            "width",
            "batch_size",
        ],
    );
    let of = |rows: &[Row]| mean(&numbers(rows, "growth"));
    let limit = bn_relu_explosion();
    let widest = networks
        .iter()
        .find(|(key, _)| key[1..3] == ["bn", "relu"] && key[5] == "256" && key[6] == "512");
    let found = widest.map(|(_, rows)| of(rows));
    let near = found
        .is_some_and(|e| (e.low / limit - 1.0).abs() < 0.02 && (e.high / limit - 1.0).abs() < 0.02);
    let known: Vec<_> = networks
        .iter()
        .filter(|(key, rows)| key[5] == "256" && rows[0].number("mean_field").is_finite())
        .collect();
    let off = |rows: &[Row]| of(rows).value / rows[0].number("mean_field") - 1.0;
    let fits = known
        .iter()
        .filter(|(_, rows)| off(rows).abs() < 0.03)
        .count();
    let residual: Vec<_> = networks
        .iter()
        .filter(|(key, _)| key[0] == "resnet")
        .map(|(key, rows)| (key[3] == "yes", of(rows).value.ln()))
        .collect();
    let of_kind = |without: bool| {
        residual
            .iter()
            .find(|(kind, _)| *kind == without)
            .map_or(f64::NAN, |(_, value)| *value)
    };
    let (with, without) = (of_kind(false), of_kind(true));
    Finding {
        verdict: Verdict::of_parts([near, fits == known.len() && fits > 0, with < without / 2.0]),
        because: format!(
            "BN-ReLU at width 256 and batch 512 grows by {} a layer, for which the limit says {limit:.4}. {fits} of {} wide \
             networks are within 3 % of what mean field says of them. A residual network grows by {:.3} a layer, by {:.3} \
             without its shortcuts.",
            found.map_or("–".to_owned(), |e| e.told(4)),
            known.len(),
            with.exp(),
            without.exp()
        ),
        figures: vec![by_batch(evidence), profiles(evidence)],
        tables: vec![table(&networks)],
    }
}

fn by_batch(evidence: &Evidence) -> Figure {
    let rows = evidence.sheet("growth").rows().filter(|row| {
        row.number("depth") == 50.0 && row.text("norm") == "bn" && row.text("activation") == "relu"
    });
    let rows: Vec<_> = rows.collect();
    let mut series = show::curves(
        rows.iter().copied(),
        &["width"],
        ("batch_size", "growth"),
        |key| format!("width {}", key[0]),
    );
    let theory = show::means(&rows, "batch_size", "mean_field");
    series.push(show::reference("mean field at that batch", theory));
    Figure::of_lines(
        "growth-by-batch",
        "Growth of gradient norms a layer, BN-ReLU, depth 50",
        "Growth of the gradient norm a layer towards the input at initialisation, by batch and width; the mean over seeds.",
        Lines {
            x: "rows in a batch".to_owned(),
            y: "growth a layer".to_owned(),
            log: false,
            log_x: true,
            series,
        },
    )
}

fn profiles(evidence: &Evidence) -> Figure {
    let networks = evidence.sheet("profile").rows().filter(|row| {
        row.text("model") == "resnet"
            || (row.number("width") == 256.0 && row.number("batch_size") == 512.0)
    });
    let series = show::curves(
        networks,
        &["model", "norm", "activation", "no_shortcut"],
        ("layer", "elr"),
        |key| match (key[0].as_str(), key[3].as_str()) {
            ("resnet", "yes") => "resnet, no shortcuts".to_owned(),
            ("resnet", _) => "resnet".to_owned(),
            _ => format!("{}-{}", key[1], key[2]),
        },
    );
    Figure::of_lines(
        "profile",
        "ELR by layer at initialisation",
        "Effective learning rates at initialisation from the input (0) to the output, seed 0.",
        Lines {
            x: "layer".to_owned(),
            y: "ELR".to_owned(),
            log: true,
            log_x: false,
            series,
        },
    )
}

fn table(networks: &[(Vec<String>, Vec<Row>)]) -> PageTable {
    PageTable {
        caption: "Growth a layer and initial range of ELRs: mean and 95 % interval over seeds."
            .to_owned(),
        headings: vec![
            "model",
            "norm",
            "activation",
            "no shortcuts",
            "depth",
            "width",
            "batch",
            "growth",
            "mean field",
            "range (decades)",
        ],
        rows: networks
            .iter()
            .map(|(key, rows)| {
                let mut cells = key.clone();
                cells.push(mean(&numbers(rows, "growth")).told(4));
                cells.push(match rows[0].number("mean_field") {
                    known if known.is_finite() => format!("{known:.4}"),
                    _ => "–".to_owned(),
                });
                cells.push(mean(&numbers(rows, "decades")).told(2));
                cells
            })
            .collect(),
    }
}
