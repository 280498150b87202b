//! A chart of Weights & Biases: columns `RUN - TAG`, with `__MIN` and `__MAX` beside them.

use crate::format::{Format, Input, wide};

pub(super) const FORMAT: Format = Format {
    name: "W&B chart",
    written_by: "Weights & Biases, Export CSV at a chart",
    shape: "`Step`, and columns `RUN - TAG`, `RUN - TAG__MIN`, `RUN - TAG__MAX`",
    unit: "row",
    is,
    read: |input, points| {
        let table = input.table.as_ref().expect("what has columns is a table");
        wide::read(table, input, points, split)
    },
};

fn is(input: &Input) -> bool {
    let mut norms = input
        .columns
        .iter()
        .filter_map(|column| match split(column) {
            (Some(_), tag) => input.names.meaning(tag),
            _ => None,
        });
    input.has(&wide::STEPS) && norms.next().is_some()
}

/// A run's name may have the separator in it; a tag hardly.
fn split(column: &str) -> (Option<&str>, &str) {
    match column.rsplit_once(" - ") {
        Some((run, tag)) => (Some(run), tag),
        None => (None, column),
    }
}
