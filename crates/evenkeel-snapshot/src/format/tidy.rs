//! A row for each layer at each step.

use crate::format::{Format, Input, wide};
use crate::log::cell::{self, Cell};
use crate::log::error::LogError;
use crate::log::points::Points;
use crate::log::suffix::Suffix;
use crate::log::tag::{Meaning, Quantity};

pub(super) const FORMAT: Format = Format {
    name: "tidy",
    written_by: "pandas and R, evenkeel's exports",
    shape: "`step,layer,weight_norm,grad_norm`, optionally `update_norm`, `elr`, `numel`, `cosine`, `lr`, `run`",
    unit: "row",
    is: |input| {
        let norms = input
            .columns
            .iter()
            .filter_map(|name| input.names.quantity(name));
        input.has(&LAYERS) && input.has(&wide::STEPS) && norms.count() > 0
    },
    read,
};

/// Columns that name layers.
pub(crate) const LAYERS: [&str; 6] = [
    "layer",
    "layer_name",
    "param",
    "parameter",
    "module",
    "name",
];

fn read(input: &Input, points: &mut Points) -> Result<(), LogError> {
    let table = input.table.as_ref().expect("what has columns is a table");
    let comma = table.has_decimal_comma();
    table.each(&input.source.name, input.limits.row_bytes, |row| {
        let run = wide::RUNS
            .iter()
            .find_map(|name| row.get(name))
            .filter(|run| !run.is_empty());
        let layer = LAYERS.iter().find_map(|name| row.get(name)).unwrap_or("");
        let step = wide::STEPS
            .iter()
            .find_map(|name| row.get(name))
            .and_then(cell::step);
        let Some(step) = step.filter(|_| !layer.is_empty()) else {
            return Ok(());
        };
        for (name, text) in row.names.iter().zip(row.cells) {
            let quantity = match points.names.quantity(name) {
                None if matches!(&**name, "lr" | "learning_rate") => Quantity::Rate,
                None => continue,
                Some(quantity) => quantity,
            };
            let meaning = Meaning {
                quantity,
                layer: match quantity {
                    Quantity::Rate => String::new(),
                    _ => layer.to_owned(),
                },
                suffix: Suffix::Bare,
            };
            let series = points.series_of(run, &format!("{name}/{layer}"), meaning);
            points.push(series, step, Cell::read(text, comma), row.number)?;
        }
        Ok(())
    })
}
