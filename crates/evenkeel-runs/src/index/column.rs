//! What a table of runs can show, sort and filter by. One row a column in [`ALL`].

use super::stamp::Stamp;
use super::state::State;
use crate::folder::{EvalLine, Run};
use crate::settings::RunSettings;
use crate::summary::Summary;
use crate::value::{Kind, Value};

/// All that is known of a run.
#[derive(Debug)]
pub struct Facts<'a> {
    pub(super) name: &'a str,
    pub(super) stamp: &'a Stamp,
    pub(super) state: State,
    pub(super) run: Option<(&'a Run, &'a Summary)>,
    pub(super) error: Option<&'a str>,
}

impl Facts<'_> {
    fn spec<T: Into<Value>>(&self, value: impl FnOnce(&RunSettings) -> T) -> Value {
        self.run.map(|(run, _)| value(&run.header.spec)).into()
    }

    fn summary<T: Into<Value>>(&self, value: impl FnOnce(&Summary) -> T) -> Value {
        self.run.map(|(_, summary)| value(summary)).into()
    }

    fn best_accuracy(&self) -> Value {
        let (run, _) = match self.run {
            Some(known) => known,
            None => return Value::Missing,
        };
        let accuracies = run.evals.iter().map(|line: &EvalLine| line.test_accuracy);
        accuracies.max_by(f64::total_cmp).into()
    }
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name, in filters, headings and files.
    pub name: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a listing shows it unasked.
    pub is_listed: bool,
    /// Its value for a run.
    pub(super) value: fn(&Facts) -> Value,
}

const fn listed(
    name: &'static str,
    kind: Kind,
    summary: &'static str,
    value: fn(&Facts) -> Value,
) -> Column {
    Column {
        name,
        summary,
        kind,
        is_listed: true,
        value,
    }
}

const fn further(
    name: &'static str,
    kind: Kind,
    summary: &'static str,
    value: fn(&Facts) -> Value,
) -> Column {
    Column {
        is_listed: false,
        ..listed(name, kind, summary, value)
    }
}

/// Every column. The first one names the run.
#[rustfmt::skip]
pub const ALL: &[Column] = &[
    listed("run", Kind::Text, "path below the folder that was asked about", |f| f.name.into()),
    listed("model", Kind::Text, "model", |f| f.spec(|s| s.model.clone())),
    listed("depth", Kind::Integer, "depth, as the model counts it", |f| f.spec(|s| s.depth)),
    listed("width", Kind::Integer, "width, as the model counts it", |f| f.spec(|s| s.width)),
    further("norm", Kind::Text, "normalization", |f| f.spec(|s| s.norm.clone())),
    further("activation", Kind::Text, "activation", |f| f.spec(|s| s.activation.clone())),
    further("init", Kind::Text, "initialisation", |f| f.spec(|s| s.init.clone())),
    listed("data", Kind::Text, "data set", |f| f.spec(|s| s.data.clone())),
    further("data_sha256", Kind::Text, "SHA-256 of the data as training sees them", |f| f.run.and_then(|(run, _)| run.header.data_sha256.clone()).into()),
    further("shrink", Kind::Integer, "how many times smaller images are made, each way", |f| f.spec(|s| s.shrink)),
    further("augment", Kind::Text, "what is done to training images", |f| f.spec(|s| s.augment.clone())),
    further("batch_size", Kind::Integer, "rows in a batch", |f| f.spec(|s| s.batch_size)),
    listed("optimizer", Kind::Text, "optimiser", |f| f.spec(|s| s.optimizer.clone())),
    further("schedule", Kind::Text, "schedule of the target rate", |f| f.spec(|s| s.schedule.clone())),
    listed("lr", Kind::Real, "learning rate aimed at", |f| f.spec(|s| s.lr)),
    listed("control", Kind::Text, "control of the ELRs", |f| f.spec(|s| s.control.clone())),
    listed("seed", Kind::Integer, "seed of weights and batches", |f| f.spec(|s| s.seed)),
    further("steps", Kind::Integer, "steps asked for", |f| f.spec(|s| s.steps)),
    listed("done", Kind::Integer, "steps done", |f| f.summary(|s| s.steps)),
    listed("state", Kind::Text, "completed, stopped, interrupted, diverged, running, killed or damaged", |f| f.state.name().into()),
    listed("initial_spread", Kind::Real, "range of the ELRs at step 0, in decades", |f| f.summary(|s| s.initial_decades)),
    listed("final_spread", Kind::Real, "range of the ELRs as they acted in the last step, in decades", |f| f.summary(|s| s.final_decades)),
    further("warmup_steps", Kind::Integer, "first step at which the rate reached its target", |f| f.summary(|s| s.warmup_steps)),
    further("capped_steps", Kind::Integer, "steps in which the rate was below its target", |f| f.summary(|s| s.capped_steps)),
    listed("final_loss", Kind::Real, "mean training loss of the last 20 steps", |f| f.summary(|s| s.final_loss)),
    listed("best_accuracy", Kind::Real, "best test accuracy of all evaluations", |f| f.best_accuracy()),
    further("test_accuracy", Kind::Real, "test accuracy of the last evaluation", |f| f.summary(|s| s.test_accuracy)),
    further("modified", Kind::Integer, "when it was last written to, in seconds since 1970", |f| f.stamp.seconds().into()),
    further("error", Kind::Text, "why it cannot be read", |f| f.error.into()),
];

/// The column of this name.
pub fn find(name: &str) -> Option<&'static Column> {
    ALL.iter().find(|column| column.name == name)
}

/// The names of all columns, for messages.
pub fn names() -> String {
    let names: Vec<&str> = ALL.iter().map(|column| column.name).collect();
    names.join(", ")
}
