//! A run in one line: what the table at the end of `train` and the report show.

use std::f64::consts::LN_10;

use evenkeel::mean_field::explosion_per_layer;

use crate::folder::{Outcome, Run, StepLine};

/// Steps at the end over which the final loss is averaged: one batch is too noisy.
const FINAL_LOSS_STEPS: usize = 20;

/// The figures of one run. `None` where the run did not get that far.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The control.
    pub control: String,
    /// Range of the ELRs at step 0 before the control acted, in decades.
    pub initial_decades: Option<f64>,
    /// Range of the ELRs as they acted in the last step, in decades.
    pub final_decades: Option<f64>,
    /// Under `hold`: the median range, in decades, that each batch found before its ELRs were made
    /// equal.
    pub spread_before_hold: Option<f64>,
    /// First step at which the acting range was at most half the initial one.
    pub halved_at: Option<usize>,
    /// First step at which the acting range was at most one decade.
    pub under_decade_at: Option<usize>,
    /// Measured growth of `‖∇W‖` per layer towards the input at step 0 (T21).
    pub explosion: Option<f64>,
    /// First step at which the rate reached its target: the length of the warm-up.
    pub warmup_steps: Option<usize>,
    /// In how many steps the rate was below its target.
    pub capped_steps: usize,
    /// Mean training loss of the last steps.
    pub final_loss: Option<f64>,
    /// Share of test rows classified correctly in the last evaluation.
    pub test_accuracy: Option<f64>,
    /// Steps done.
    pub steps: usize,
    /// How the run ended.
    pub outcome: Option<Outcome>,
}

impl Summary {
    /// The summary of a run.
    pub fn of(run: &Run) -> Self {
        let steps = &run.steps;
        let initial = steps.first().and_then(|line| line.raw_spread_range);
        let first_within = |limit: f64| {
            steps
                .iter()
                .find(|line| line.spread_range.is_some_and(|range| range <= limit))
                .map(|line| line.step)
        };
        let held = run.layers.iter().any(|line| line.lr_multiplier.is_some());
        let capped = |line: &&StepLine| line.lr < line.target_lr;
        Self {
            control: run.control().to_owned(),
            initial_decades: initial.map(decades),
            final_decades: steps.last().and_then(|line| line.spread_range).map(decades),
            spread_before_hold: median(
                steps
                    .iter()
                    .skip(1)
                    .filter(|_| held)
                    .filter_map(|line| line.spread_before_hold),
            )
            .map(decades),
            halved_at: initial.and_then(|range| first_within(range / 2.0)),
            under_decade_at: first_within(LN_10),
            explosion: run
                .layers
                .first()
                .and_then(|line| explosion_per_layer(&line.grad_norm)),
            warmup_steps: steps
                .iter()
                .find(|line| !capped(line))
                .map(|line| line.step),
            capped_steps: steps.iter().filter(capped).count(),
            final_loss: mean(
                steps
                    .iter()
                    .rev()
                    .take(FINAL_LOSS_STEPS)
                    .map(|line| line.loss),
            ),
            test_accuracy: run.evals.last().map(|eval| eval.test_accuracy),
            steps: steps.len(),
            outcome: run.outcome.clone(),
        }
    }

    /// How the run ended, in words.
    pub fn ending(&self) -> String {
        match &self.outcome {
            Some(Outcome::Completed) => "completed".to_owned(),
            Some(Outcome::Stopped { step }) => format!("no better at step {step}"),
            Some(Outcome::Interrupted { step }) => format!("interrupted after {step} steps"),
            Some(Outcome::Diverged { step, layer, .. }) => {
                format!("diverged at step {step} in {layer}")
            }
            None => format!("unfinished after {} steps", self.steps),
        }
    }

    /// The headings of [`Summary::cells`].
    pub const HEADINGS: [&str; 11] = [
        "control",
        "initial spread",
        "final spread",
        "spread before hold",
        "halved at",
        "< 1 decade at",
        "explosion",
        "warm-up",
        "final loss",
        "test acc",
        "ending",
    ];

    /// The summary as a row of a table; spreads in decades.
    pub fn cells(&self) -> [String; 11] {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let step = |step: Option<usize>| step.map_or("never".to_owned(), |step| step.to_string());
        [
            self.control.clone(),
            number(self.initial_decades, 2),
            number(self.final_decades, 2),
            number(self.spread_before_hold, 2),
            step(self.halved_at),
            step(self.under_decade_at),
            number(self.explosion, 4),
            match (self.warmup_steps, self.capped_steps) {
                (_, 0) => "none".to_owned(),
                (Some(length), capped) => format!("{length} ({capped} capped)"),
                (None, capped) => format!("not over ({capped} capped)"),
            },
            number(self.final_loss, 3),
            number(self.test_accuracy, 3),
            self.ending(),
        ]
    }
}

/// A range of natural logarithms in decades.
pub fn decades(range: f64) -> f64 {
    range / LN_10
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
