//! The kinds of input, and the words for them.

use crate::column::Column;

/// A kind of input: which columns make it, and what its rows are about.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What a row is about.
    pub(crate) item: &'static str,
    /// What one file should hold.
    pub(crate) whole: &'static str,
    /// The columns that are read.
    pub(crate) columns: &'static [Column],
    /// The columns that will do, in words.
    pub(crate) wanted: &'static str,
    /// The same as sets, each with the column that tells it from the others at its end.
    sets: &'static [&'static [Column]],
    /// Whether the place of a row among the others means something.
    pub(crate) is_series: bool,
}

/// One step's norms, a row for each layer.
pub(crate) static NORMS: Kind = Kind {
    item: "layer",
    whole: "one step's norms",
    columns: &[
        Column::Layer,
        Column::WeightNorm,
        Column::GradNorm,
        Column::Elr,
        Column::Numel,
        Column::Cosine,
    ],
    wanted: "`layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`",
    sets: &[
        &[Column::Layer, Column::WeightNorm, Column::GradNorm],
        &[Column::Layer, Column::Elr],
    ],
    is_series: false,
};

/// Learning rates, a row for each step.
pub(crate) static RATES: Kind = Kind {
    item: "step",
    whole: "one run's steps",
    columns: &[Column::Step, Column::Lr, Column::Share],
    wanted: "`lr` or `share`, optionally with `step`",
    sets: &[&[Column::Lr], &[Column::Share]],
    is_series: true,
};

/// Gradient scales, a row for each step.
pub(crate) static SCALES: Kind = Kind {
    item: "step",
    whole: "one run's steps",
    columns: &[Column::Step, Column::Scale],
    wanted: "`scale`, optionally with `step`",
    sets: &[&[Column::Scale]],
    is_series: true,
};

impl Kind {
    /// The column of this name.
    pub(crate) fn column(&self, name: &str) -> Option<Column> {
        let mut columns = self.columns.iter().copied();
        columns.find(|column| column.name() == name)
    }

    /// What lacks for one of the permitted sets, given the columns that are there. Empty when
    /// nothing does.
    pub(crate) fn missing(&self, present: impl Fn(Column) -> bool) -> Vec<Column> {
        let meant = |set: &&&[Column]| set.last().is_some_and(|column| present(*column));
        let set = self.sets.iter().rev().find(meant).or(self.sets.first());
        let columns = set.copied().unwrap_or_default().iter().copied();
        columns.filter(|column| !present(*column)).collect()
    }
}
