//! The tables: of runs, steps, layers and evaluations.

use super::Field;
use crate::folder::Run;
use crate::index::column;
use crate::value::Kind::{self, Integer, Real, Text};
use crate::value::Value;

/// The rows of the run of this name.
type Rows = fn(&str, &Run) -> Vec<Vec<Value>>;

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Its columns, of which there are those of the index in a table of runs.
    own: &'static [(&'static str, Kind)],
    /// The rows of a run, of which a table of runs has one, from the index.
    pub(super) of_run: Option<Rows>,
}

/// Every table. The first one is the default.
pub const ALL: &[Table] = &[
    Table {
        name: "runs",
        summary: "a row a run, with all columns that filters know",
        own: &[],
        of_run: None,
    },
    Table {
        name: "steps",
        summary: "a row a step: loss, rates, spreads in natural logarithms",
        own: &[
            ("run", Text),
            ("step", Integer),
            ("loss", Real),
            ("lr", Real),
            ("target_lr", Real),
            ("critical_lr", Real),
            ("spread_std", Real),
            ("spread_range", Real),
            ("raw_spread_std", Real),
            ("raw_spread_range", Real),
            ("spread_before_hold", Real),
        ],
        of_run: Some(steps),
    },
    Table {
        name: "layers",
        summary: "a row a step and layer: norms, cosine, ELR, multiplier, factor",
        own: &[
            ("run", Text),
            ("step", Integer),
            ("layer", Text),
            ("position", Integer),
            ("weight_norm", Real),
            ("grad_norm", Real),
            ("cosine", Real),
            ("elr", Real),
            ("lr_multiplier", Real),
            ("rescale_factor", Real),
        ],
        of_run: Some(layers),
    },
    Table {
        name: "evals",
        summary: "a row an evaluation: losses and accuracies on both splits",
        own: &[
            ("run", Text),
            ("step", Integer),
            ("train_loss", Real),
            ("train_accuracy", Real),
            ("test_loss", Real),
            ("test_accuracy", Real),
        ],
        of_run: Some(evals),
    },
];

impl Table {
    /// The table of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|table| table.name == name)
    }

    /// Its columns.
    pub fn fields(&self) -> Vec<Field> {
        let index = column::ALL.iter().map(|column| (column.name, column.kind));
        let own = self.own.iter().copied();
        let field = |(name, kind)| Field { name, kind };
        match self.of_run {
            None => index.map(field).collect(),
            Some(_) => own.map(field).collect(),
        }
    }
}

fn steps(name: &str, run: &Run) -> Vec<Vec<Value>> {
    let rows = run.steps.iter().map(|line| {
        vec![
            name.into(),
            line.step.into(),
            line.loss.into(),
            line.lr.into(),
            line.target_lr.into(),
            line.critical_lr.into(),
            line.spread_std.into(),
            line.spread_range.into(),
            line.raw_spread_std.into(),
            line.raw_spread_range.into(),
            line.spread_before_hold.into(),
        ]
    });
    rows.collect()
}

fn layers(name: &str, run: &Run) -> Vec<Vec<Value>> {
    let rows = run.layers.iter().flat_map(|line| {
        let at = |list: &Option<Vec<f64>>, position: usize| -> Value {
            let list = list.as_ref();
            list.and_then(|list| list.get(position)).copied().into()
        };
        run.header.layers.iter().enumerate().map(move |(i, layer)| {
            vec![
                name.into(),
                line.step.into(),
                layer.name.as_str().into(),
                i.into(),
                // A loaded run has as many numbers as layers.
                line.weight_norm.get(i).copied().into(),
                line.grad_norm.get(i).copied().into(),
                line.cosine.get(i).copied().into(),
                line.elr.get(i).copied().into(),
                at(&line.lr_multiplier, i),
                at(&line.rescale_factor, i),
            ]
        })
    });
    rows.collect()
}

fn evals(name: &str, run: &Run) -> Vec<Vec<Value>> {
    let rows = run.evals.iter().map(|line| {
        vec![
            name.into(),
            line.step.into(),
            line.train_loss.into(),
            line.train_accuracy.into(),
            line.test_loss.into(),
            line.test_accuracy.into(),
        ]
    });
    rows.collect()
}
