//! T1 and T4 step by step, and how steady base gradients stay.

use evenkeel_report::figure::{Figure, Lines, Stroke};
use evenkeel_runs::folder::{LayerLine, Run};
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{mlp, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::{mean, median, quantile};
use crate::table::{groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "norm-law",
    title: "Weights are orthogonal to their gradients and grow by λ²‖∇W‖² a step; are base gradients steady?",
    statement: "Scale-invariant weights obey ⟨W, ∇W⟩ = 0 (T1), so that plain SGD makes their squared norms grow by exactly \
                λ²‖∇W‖² a step (T4; Arora, Li & Lyu 2019, lemma 2.4). The theory of ratios adds an assumption: base gradients \
                c_l = ‖W_l‖‖∇W_l‖ move together, if at all.",
    measure: "Laws: over all layers and steps, |cos(W, ∇W)|·√numel, which is of order 1 for random directions, stays below 0.05 \
              in 99 of 100 cases, and σ² after a step is within 1e-5 of T4 in 99 of 100. Assumption: relative to their \
              geometric mean, 9 of 10 layers keep their c_l within a factor of 2 of where it began, at the end of each run. \
              The claim holds if all three do, in part if some.",
    runs,
    sheets: &[
        Sheet {
            name: "laws",
            settings: &["depth", "batch_size", "lr", "seed"],
            columns: &["cosine_99", "growth_error_99", "growth_error_median"],
            rows: laws,
        },
        Sheet {
            name: "base-gradients",
            settings: &["depth", "batch_size", "lr", "seed"],
            columns: &["step", "shift", "scatter", "within_2"],
            rows: base_gradients,
        },
    ],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let sized = |depths: &[usize], sizes: &[usize]| {
        let nets = depths.iter().map(|depth| mlp(*depth, 64, 200)).collect();
        vary(nets, sizes.to_vec(), |run, size| run.batch_size = size)
    };
    let mut batches = sized(&[20, 50], &[32, 128]);
    // 1437 rows are all of digits: no noise of batches.
    batches.extend(sized(scale.pick(&[20], &[20, 50]), &[1437]));
    seeds(
        vary(batches, [0.01, 0.1, 1.0], |run, lr| run.lr = lr),
        0..scale.seeds(3, 5),
    )
}

/// Layers with a gradient, as (‖W‖, ‖∇W‖).
fn norms(line: &LayerLine) -> impl Iterator<Item = (f64, f64)> {
    line.weight_norm
        .iter()
        .copied()
        .zip(line.grad_norm.iter().copied())
}

fn laws(run: &Run) -> Vec<Vec<Value>> {
    let sizes: Vec<f64> = (run.header.layers.iter())
        .map(|layer| layer.shape.iter().product::<usize>() as f64)
        .collect();
    let cosines = run.layers.iter().flat_map(|line| {
        let scaled = line.cosine.iter().zip(&sizes);
        scaled.map(|(cosine, numel)| cosine.abs() * numel.sqrt())
    });
    let cosines: Vec<f64> = cosines.collect();
    let mut errors = Vec::new();
    for (pair, step) in run.layers.windows(2).zip(&run.steps) {
        for ((weight, gradient), (after, _)) in norms(&pair[0]).zip(norms(&pair[1])) {
            let foretold = weight.powi(2) + (step.lr * gradient).powi(2);
            errors.push((after.powi(2) / foretold - 1.0).abs());
        }
    }
    vec![vec![
        quantile(&cosines, 0.99).into(),
        quantile(&errors, 0.99).into(),
        median(&errors).into(),
    ]]
}

/// How far each layer's ln c has moved, apart from their mean.
fn base_gradients(run: &Run) -> Vec<Vec<Value>> {
    let ln = |line: &LayerLine| norms(line).map(|(w, g)| (w * g).ln()).collect::<Vec<_>>();
    let Some(first) = run.layers.first().map(ln) else {
        return Vec::new();
    };
    let row = |line: &LayerLine| {
        let moved: Vec<f64> = ln(line)
            .iter()
            .zip(&first)
            .map(|(now, then)| now - then)
            .collect();
        let shift = mean(&moved).value;
        let apart: Vec<f64> = moved.iter().map(|m| (m - shift).abs()).collect();
        let within = apart.iter().filter(|a| **a <= 2f64.ln()).count();
        let scatter = (apart.iter().map(|a| a * a).sum::<f64>() / apart.len() as f64).sqrt();
        vec![
            line.step.into(),
            shift.into(),
            scatter.into(),
            (within as f64 / apart.len() as f64).into(),
        ]
    };
    let steps = [1, 3, 10, 30, 100, 199];
    steps
        .iter()
        .filter_map(|step| run.layers.get(*step))
        .map(row)
        .collect()
}

fn judge(evidence: &Evidence) -> Finding {
    let laws = evidence.sheet("laws");
    let all: Vec<_> = laws.rows().collect();
    let worst = |column| numbers(&all, column).into_iter().fold(0.0, f64::max);
    let (cosine, growth) = (worst("cosine_99"), worst("growth_error_99"));
    let base = evidence.sheet("base-gradients");
    let last: Vec<_> = base
        .rows()
        .filter(|row| row.number("step") == 199.0)
        .collect();
    let steady = numbers(&last, "within_2");
    let kept = steady.iter().filter(|share| **share >= 0.9).count();
    Finding {
        verdict: Verdict::of_parts([cosine < 0.05, growth < 1e-5, kept == steady.len()]),
        because: format!(
            "In the worst run, 99 of 100 cosines are below {cosine:.1e} of a random direction's, and 99 of 100 squared norms \
             within {growth:.1e} of T4. Base gradients are another matter: in {kept} of {} runs, 9 of 10 layers keep theirs \
             within a factor of 2 of the others over 200 steps. The larger the rate, the sooner they part.",
            steady.len()
        ),
        figures: vec![figure(evidence)],
        tables: vec![laws_table(evidence), drift_table(evidence)],
    }
}

fn figure(evidence: &Evidence) -> Figure {
    let base = evidence.sheet("base-gradients");
    let wide: Vec<_> = base
        .rows()
        .filter(|row| row.number("depth") == 50.0)
        .collect();
    let series = groups(wide, &["batch_size", "lr"])
        .into_iter()
        .enumerate()
        .map(|(index, (key, rows))| {
            let label = format!("batch {}, λ = {}", key[0], key[1]);
            let stroke = [Stroke::Dotted, Stroke::Solid, Stroke::Dashed][index / 3 % 3];
            let scatter = show::means(&rows, "step", "scatter");
            show::line(&label, index % 3, stroke, scatter)
        });
    Figure::of_lines(
        "base-gradients",
        "How far base gradients part, depth 50",
        "Standard deviation over layers of ln c_l(t)/c_l(0), by batch and rate; the mean over seeds. The theory of ratios assumes zero.",
        Lines {
            x: "step".to_owned(),
            y: "scatter of ln c (natural logarithm)".to_owned(),
            log: false,
            log_x: true,
            series: series.collect(),
        },
    )
}

fn laws_table(evidence: &Evidence) -> PageTable {
    let rows = groups(
        evidence.sheet("laws").rows(),
        &["depth", "batch_size", "lr"],
    );
    PageTable {
        caption: "The laws: 99th percentiles over layers and steps, the worst seed.".to_owned(),
        headings: vec![
            "depth",
            "batch",
            "λ",
            "cosine·√numel",
            "error of T4",
            "median error of T4",
        ],
        rows: rows
            .into_iter()
            .map(|(mut key, rows)| {
                for column in ["cosine_99", "growth_error_99", "growth_error_median"] {
                    let worst = numbers(&rows, column).into_iter().fold(0.0, f64::max);
                    key.push(format!("{worst:.1e}"));
                }
                key
            })
            .collect(),
    }
}

fn drift_table(evidence: &Evidence) -> PageTable {
    let base = evidence.sheet("base-gradients");
    let last = base
        .rows()
        .filter(|row| [10.0, 199.0].contains(&row.number("step")));
    PageTable {
        caption: "Base gradients after 10 and 199 steps, relative to step 0 and to each other (mean and 95 % interval over \
                  seeds): how all moved together, how far they parted, and how many layers stayed within a factor of 2."
            .to_owned(),
        headings: vec!["depth", "batch", "λ", "step", "common ln c", "scatter of ln c", "within a factor of 2"],
        rows: groups(last, &["depth", "batch_size", "lr", "step"])
            .into_iter()
            .map(|(mut key, rows)| {
                for column in ["shift", "scatter", "within_2"] {
                    key.push(mean(&numbers(&rows, column)).told(2));
                }
                key
            })
            .collect(),
    }
}
