//! The values of one tag as TensorBoard downloads them; run and tag are in the name of the file.

use crate::format::{Format, Input};
use crate::log::cell::{self, Cell};
use crate::log::error::LogError;
use crate::log::points::Points;

pub(super) const FORMAT: Format = Format {
    name: "TensorBoard CSV",
    written_by: "TensorBoard, data download links at a chart",
    shape: "`Wall time,Step,Value` in `run-NAME-tag-TAG.csv`",
    unit: "row",
    is: |input| {
        input.columns.len() == 3
            && ["wall time", "step", "value"]
                .iter()
                .all(|name| input.has(&[name]))
    },
    read,
};

fn read(input: &Input, points: &mut Points) -> Result<(), LogError> {
    let stem = input.source.stem();
    let (run, tag) = run_and_tag(&stem);
    let Some(series) = points.series(run, tag) else {
        return Ok(());
    };
    let table = input.table.as_ref().expect("what has columns is a table");
    table.each(&input.source.name, input.limits.row_bytes, |row| {
        let (step, value) = (row.get("step"), row.get("value"));
        match step.and_then(cell::step) {
            Some(step) => points.push(
                series,
                step,
                Cell::read(value.unwrap_or(""), false),
                row.number,
            ),
            None => Ok(()),
        }
    })
}

/// `run-NAME-tag-TAG`, where browsers may add ` (1)`.
fn run_and_tag(stem: &str) -> (Option<&str>, &str) {
    let stem = match stem.rsplit_once(" (") {
        Some((stem, count)) if count.trim_end_matches(')').parse::<u32>().is_ok() => stem,
        _ => stem,
    };
    match stem.rsplit_once("-tag-") {
        Some((run, tag)) => {
            let run = run
                .strip_prefix("run-")
                .or(run.strip_prefix("run_"))
                .unwrap_or(run);
            ((!matches!(run, "" | "." | "_")).then_some(run), tag)
        }
        None => (None, stem),
    }
}
