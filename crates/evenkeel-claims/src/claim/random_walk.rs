//! The dynamics without learning: random gradients of norm c/‖W‖ on the networks' own weights.

use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::LearningRate;
use evenkeel::spread::Spread;
use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::folder::Run;
use evenkeel_runs::prediction::{Prediction, acting_elrs};
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, Verdict};
use crate::grid::{mlp, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::median;
use crate::table::numbers;

pub(super) const CLAIM: Claim = Claim {
    name: "random-walk",
    title: "Without learning, weights move as the recurrences say, to rounding",
    statement: "Where gradients obey ⟨W, ∇W⟩ = 0 and ‖∇W‖ = c/‖W‖ with steady c, plain SGD obeys T4–T8 exactly: E′ = E/(1 + λ²E²), \
                and the order of a pair flips where λ exceeds 1/√(E_l E_k). Under momentum and Adam T15 and T19 hold on average.",
    measure: "Weights of a BN-MLP are driven by random gradients that obey both laws, with each layer's c of the first step. Plain \
              SGD: after 300 steps every ELR is within 1e-4 of its forecast from step 0, relatively, and in each step the pairs that \
              flip are those that T8 names, in 9999 of 10000. Momentum and Adam: the median error of ln E after 300 steps is \
              below 0.05. (Adam's logs have the update, which averaging makes shorter than the √n/‖W‖ that T19 goes by; that \
              factor, in closed form, is taken off since the first look at the numbers.)",
    runs,
    sheets: &[Sheet {
        name: "forecasts",
        settings: &["optimizer", "lr", "seed"],
        columns: &[
            "step",
            "decades",
            "decades_forecast",
            "error_max",
            "error_median",
            "flips_named",
        ],
        rows,
    }],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let walk = RunSettings {
        gradients: "random".to_owned(),
        eval_rows: 100,
        ..mlp(20, 64, 301)
    };
    let mut runs = vary(vec![walk.clone()], [0.01, 0.1, 1.0, 10.0], |run, lr| {
        run.lr = lr
    });
    let others = [
        ("momentum:mu=0.9", 0.01),
        ("momentum:mu=0.9", 0.1),
        ("adam", 0.001),
        ("adam", 0.01),
    ];
    runs.extend(vary(vec![walk], others, |run, (optimizer, lr)| {
        (run.optimizer, run.lr) = (optimizer.to_owned(), lr);
    }));
    seeds(runs, 0..scale.seeds(3, 10))
}

/// How long an update is, relative to `√n/‖W‖`, by which the theory of Adam goes (T19): averaging uncorrelated
/// gradients by β₁ makes it shorter, `‖u‖² = n(1−β₁)(1−β₁²ᵗ)/((1+β₁)(1−β₁ᵗ)²)` after t steps. 1 for SGD.
fn share_of_update(run: &Run, step: usize) -> f64 {
    let optimizer = run.header.spec.optimizer.parse::<Optimizer>();
    let Some(optimizer) = optimizer.ok().filter(|o| o.measure() == Measure::Update) else {
        return 1.0;
    };
    let beta = optimizer.settings().momentum.get();
    let left = beta.powi(step as i32 + 1);
    let square = (1.0 - beta) * (1.0 - left * left) / (1.0 + beta);
    square.sqrt() / (1.0 - left)
}

fn rows(run: &Run) -> Vec<Vec<Value>> {
    let Some(forecast) = Prediction::of(run).map(|start| start.steady()) else {
        return Vec::new();
    };
    let named = flips_named(run);
    let row = |step: usize| {
        let (measured, foretold) = (
            acting_elrs(run.layers.get(step)?)?,
            forecast.elrs.get(step)?,
        );
        let share = share_of_update(run, step);
        let errors = measured
            .iter()
            .zip(foretold)
            .map(|(m, f)| (m.get() / f.get() / share).ln().abs());
        let errors: Vec<f64> = errors.collect();
        Some(vec![
            step.into(),
            Spread::of(&measured).decades().into(),
            forecast.spreads.get(step)?.decades().into(),
            errors.iter().copied().fold(0.0, f64::max).into(),
            median(&errors).into(),
            named.into(),
        ])
    };
    [1, 3, 10, 30, 100, 300]
        .into_iter()
        .filter_map(row)
        .collect()
}

/// The share of pairs and steps in which the order flips if and only if the rate is above critical (T8). Pairs
/// within rounding of equal or critical are left out.
fn flips_named(run: &Run) -> Option<f64> {
    let lr = LearningRate::new(run.header.spec.lr).ok()?;
    let (mut right, mut all) = (0u64, 0u64);
    for pair in run.layers.windows(2) {
        let (before, after) = (&pair[0].elr, &pair[1].elr);
        for l in 0..before.len() {
            for k in 0..l {
                let excess = lr.get() * (before[l] * before[k]).sqrt() - 1.0;
                let (first, second) = ((before[l] / before[k]).ln(), (after[l] / after[k]).ln());
                if excess.abs() < 1e-3 || first.abs() < 1e-3 || second.abs() < 1e-6 {
                    continue;
                }
                all += 1;
                right += u64::from((first * second < 0.0) == (excess > 0.0));
            }
        }
    }
    (all > 0).then(|| right as f64 / all as f64)
}

fn judge(evidence: &Evidence) -> Finding {
    let table = evidence.sheet("forecasts");
    let last = |sgd: bool| {
        let rows = table.rows().filter(|row| row.number("step") == 300.0);
        rows.filter(|row| (row.text("optimizer") == "sgd") == sgd)
            .collect::<Vec<_>>()
    };
    let (sgd, others) = (last(true), last(false));
    let most = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
    let error = most(numbers(&sgd, "error_max"));
    let named = numbers(&sgd, "flips_named").into_iter().fold(1.0, f64::min);
    let average = most(numbers(&others, "error_median"));
    Finding {
        verdict: Verdict::of_parts([error < 1e-4, named >= 0.9999, average < 0.05]),
        because: format!(
            "Under plain SGD the worst of all layers, rates and seeds is off by {error:.1e} in ln E after 300 steps, and T8 names \
             {:.4} % of the pairs that flip. Under momentum and Adam the median layer is off by {average:.3} at most.",
            100.0 * named
        ),
        figures: vec![Figure::of_lines(
            "errors",
            "How far forecasts from step 0 are off, without learning",
            "Largest error over layers of the forecast ln E, by optimiser and rate; the mean over seeds.",
            Lines {
                x: "step".to_owned(),
                y: "largest error of ln E".to_owned(),
                log: true,
                log_x: true,
                series: show::curves(
                    table.rows(),
                    &["optimizer", "lr"],
                    ("step", "error_max"),
                    |key| format!("{}, λ = {}", key[0], key[1]),
                ),
            },
        )],
        tables: vec![show::table(
            "Ranges of ELRs in decades, and errors of ln E, forecast from step 0.",
            table.rows(),
            &[("optimizer", "optimiser"), ("lr", "λ"), ("step", "step")],
            &[
                ("decades", "range", 3),
                ("decades_forecast", "range forecast", 3),
                ("error_max", "largest error", 6),
                ("error_median", "median error", 6),
            ],
        )],
    }
}
