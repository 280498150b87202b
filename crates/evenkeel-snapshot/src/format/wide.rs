//! A row for each step and a column for each tag, as CSV, JSON list or JSON Lines.

use crate::format::{Format, Input};
use crate::log::cell::{self, Cell};
use crate::log::error::LogError;
use crate::log::points::Points;
use crate::log::rows::{Row, Table};

pub(super) const FORMAT: Format = Format {
    name: "wide",
    written_by: "W&B history, Lightning's CSVLogger, Composer, levanter, pandas, training loops that print JSON",
    shape: "a column or key for each tag, a row or line for each step",
    unit: "row",
    is: |input| input.has(&STEPS),
    read: |input, points| {
        let table = input.table.as_ref().expect("what has columns is a table");
        read(table, input, points, |tag| (None, tag))
    },
};

/// Columns that count steps, those of the trainer first: a tracker's own counts calls.
pub(super) const STEPS: [&str; 20] = [
    "trainer/global_step",
    "train/global_step",
    "trainer/step",
    "train/step",
    "global_step",
    "training_step",
    "train_step",
    "optimizer_step",
    "step",
    "steps",
    "iteration",
    "iterations",
    "iter",
    "iter_num",
    "it",
    "time/batch",
    "batch",
    "update",
    "_step",
    "current_step",
];

/// Columns that name the run of a row.
pub(super) const RUNS: [&str; 7] = [
    "run", "run_id", "run_uuid", "run_name", "run id", "run name", "_run",
];

/// How a column's name splits into a run and a tag.
pub(super) type Split = fn(&str) -> (Option<&str>, &str);

/// Reads a table into points.
pub(super) fn read(
    table: &Table,
    input: &Input,
    points: &mut Points,
    split: Split,
) -> Result<(), LogError> {
    let (name, most) = (&input.source.name, input.limits.row_bytes);
    let comma = table.has_decimal_comma();
    let mut counts = Counts::default();
    let mut plan = Plan::default();
    table.each(name, most, |row| {
        plan.fit(row, points, split);
        counts.see(row, &plan, comma);
        Ok(())
    })?;
    let step = counts.step(name, points)?;
    let mut plan = Plan::default();
    table.each(name, most, |row| {
        plan.fit(row, points, split);
        let Some(at) = plan.steps[step].and_then(|column| cell::step(&row.cells[column])) else {
            return Ok(());
        };
        for (column, series) in &plan.series {
            points.push(
                *series,
                at,
                Cell::read(&row.cells[*column], comma),
                row.number,
            )?;
        }
        for (column, tag) in &plan.others {
            if Cell::read(&row.cells[*column], comma) == Cell::Histogram {
                points.saw_histogram(tag);
            }
        }
        Ok(())
    })
}

/// What the columns of a row are. Rows mostly have those of the row before.
#[derive(Debug, Default)]
struct Plan {
    names: Vec<String>,
    run: Option<String>,
    steps: [Option<usize>; STEPS.len()],
    series: Vec<(usize, usize)>,
    others: Vec<(usize, String)>,
}

impl Plan {
    fn fit(&mut self, row: &Row, points: &mut Points, split: Split) {
        let run = RUNS
            .iter()
            .find_map(|name| row.get(name))
            .filter(|run| !run.is_empty());
        if self.run.as_deref() == run && self.names.iter().eq(row.names.iter()) {
            return;
        }
        *self = Self {
            names: row.names.iter().map(|name| name.to_string()).collect(),
            run: run.map(str::to_owned),
            ..Self::default()
        };
        for (column, name) in self.names.iter().enumerate() {
            if let Some(step) = STEPS
                .iter()
                .position(|step| name.eq_ignore_ascii_case(step))
            {
                let free = self.steps[step].is_none();
                self.steps[step] = if free { Some(column) } else { self.steps[step] };
                continue;
            }
            // Weights & Biases adds the extremes over the runs of a group.
            if name.ends_with("__MIN") || name.ends_with("__MAX") {
                continue;
            }
            let (in_name, tag) = split(name);
            match points.series(in_name.or(run), tag) {
                Some(series) => self.series.push((column, series)),
                None => self.others.push((column, tag.to_owned())),
            }
        }
    }
}

/// Rows with norms, and how many of them each column of steps counts.
#[derive(Debug, Default)]
struct Counts {
    rows: usize,
    counted: [usize; STEPS.len()],
    any: [bool; STEPS.len()],
}

impl Counts {
    fn see(&mut self, row: &Row, plan: &Plan, comma: bool) {
        let has_norms = plan
            .series
            .iter()
            .any(|(column, _)| matches!(Cell::read(&row.cells[*column], comma), Cell::Number(..)));
        self.rows += usize::from(has_norms);
        for (step, column) in plan.steps.iter().enumerate() {
            let Some(column) = column else { continue };
            let counts = cell::step(&row.cells[*column]).is_some();
            self.any[step] |= counts;
            self.counted[step] += usize::from(counts && has_norms);
        }
    }

    /// The first column that counts every row with norms, or else the one that counts most of them.
    fn step(&self, name: &str, points: &mut Points) -> Result<usize, LogError> {
        let there: Vec<usize> = (0..STEPS.len()).filter(|step| self.any[*step]).collect();
        let all = there.iter().find(|step| self.counted[**step] == self.rows);
        // Of equals `max_by_key` takes the last, but the first is the better one.
        let most = || there.iter().rev().max_by_key(|step| self.counted[**step]);
        let Some(step) = all.or_else(most) else {
            return Err(LogError::NoSteps {
                name: name.to_owned(),
                found: Vec::new(),
            });
        };
        let passed = self.rows - self.counted[*step];
        if passed > 0 {
            points.notes.push(format!(
                "{name}: {passed} of {} rows with norms have no whole number in `{}`, and are passed over",
                self.rows, STEPS[*step]
            ));
        }
        Ok(*step)
    }
}
