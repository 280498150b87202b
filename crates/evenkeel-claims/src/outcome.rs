//! What came of a run, in the columns that several claims go by.

use evenkeel_runs::folder::{Outcome, Run, StepLine};
use evenkeel_runs::summary::{Summary, decades};
use evenkeel_runs::value::Value;

use crate::sheet::Sheet;
use crate::statistics::median;

/// How a run began, went and ended. Spreads are ranges of ELRs as they act, in decades.
pub const SHEET: Sheet = Sheet {
    name: "runs",
    settings: &[
        "model",
        "depth",
        "width",
        "norm",
        "no_shortcut",
        "data",
        "batch_size",
        "granularity",
        "elr",
        "optimizer",
        "schedule",
        "control",
        "lr",
        "seed",
    ],
    columns: &[
        "initial", "at_10", "at_50", "spread", "final", "capped", "mean_elr", "loss", "accuracy",
        "diverged",
    ],
    rows,
};

/// Test accuracy of guessing, for runs that diverged.
fn guessing(run: &Run) -> f64 {
    // The first evaluation is of the network as it was drawn.
    run.evals.first().map_or(0.0, |eval| eval.test_accuracy)
}

fn rows(run: &Run) -> Vec<Vec<Value>> {
    let summary = Summary::of(run);
    let at = |step: usize| {
        run.steps
            .get(step)
            .and_then(|line| line.spread_range)
            .map(decades)
    };
    let ranges: Vec<f64> = run
        .steps
        .iter()
        .filter_map(|line: &StepLine| line.spread_range)
        .map(decades)
        .collect();
    let diverged = matches!(run.outcome, Some(Outcome::Diverged { .. }));
    let accuracy = match diverged {
        true => Some(guessing(run)),
        false => summary.test_accuracy,
    };
    vec![vec![
        summary.initial_decades.into(),
        at(10).into(),
        at(50).into(),
        median(&ranges).into(),
        summary.final_decades.into(),
        summary.capped_steps.into(),
        initial_mean(run).into(),
        summary.final_loss.filter(|_| !diverged).into(),
        accuracy.into(),
        usize::from(diverged).into(),
    ]]
}

/// The geometric mean of the ELRs at step 0, in the weights as they were drawn.
fn initial_mean(run: &Run) -> Option<f64> {
    let first = run.layers.first()?;
    let logs = first.grad_norm.iter().zip(&first.weight_norm);
    let logs: Vec<f64> = logs
        .map(|(g, w)| (g / w).ln())
        .filter(|x| x.is_finite())
        .collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}
