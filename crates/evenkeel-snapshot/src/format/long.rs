//! A row for each value: its tag, its step, and the run.

use crate::format::{Format, Input, wide};
use crate::log::cell::{self, Cell};
use crate::log::error::LogError;
use crate::log::points::Points;

pub(super) const FORMAT: Format = Format {
    name: "long",
    written_by: "MLflow's metrics, and tables with a row for each value",
    shape: "`key,value,step`, optionally `run_id` and `timestamp`; `tag` or `metric` for `key`",
    unit: "row",
    is: |input| input.has(&TAGS) && input.has(&["value"]) && input.has(&wide::STEPS),
    read,
};

const TAGS: [&str; 6] = ["key", "tag", "metric", "metric_name", "variable", "name"];

fn read(input: &Input, points: &mut Points) -> Result<(), LogError> {
    let table = input.table.as_ref().expect("what has columns is a table");
    let comma = table.has_decimal_comma();
    table.each(&input.source.name, input.limits.row_bytes, |row| {
        let run = wide::RUNS
            .iter()
            .find_map(|name| row.get(name))
            .filter(|run| !run.is_empty());
        let tag = TAGS.iter().find_map(|name| row.get(name)).unwrap_or("");
        let step = wide::STEPS
            .iter()
            .find_map(|name| row.get(name))
            .and_then(cell::step);
        let value = Cell::read(row.get("value").unwrap_or(""), comma);
        match (points.series(run, tag), step) {
            (Some(series), Some(step)) => points.push(series, step, value, row.number),
            _ => Ok(()),
        }
    })
}
