//! `evenkeel runs list`.

use evenkeel_runs::error::{FilterError, RunsError};
use evenkeel_runs::export;
use evenkeel_runs::index::column::{self, Column};
use evenkeel_runs::index::entry::Entry;
use evenkeel_runs::value::Value;

use super::cell::{cell, tame};
use super::select::SelectArgs;
use crate::exit::Exit;
use crate::table::table;

/// List the runs under a folder and what they came to.
///
/// Spreads are in decades (log10 of largest over smallest ELR). States are completed, stopped (no
/// better for --patience evaluations), interrupted, diverged, running, killed (neither ended nor being
/// written to) and damaged.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: SelectArgs,

    /// Columns to show, separated by commas [default: the most used; all in --json and --csv].
    #[arg(long, value_name = "COLUMN[,COLUMN...]")]
    columns: Option<String>,

    /// Print JSON: a list with an object a run, null for what it does not have.
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print CSV with a header, nothing for what a run does not have.
    #[arg(long)]
    csv: bool,
}

pub fn run(args: &Args) -> anyhow::Result<(String, Exit)> {
    let all = args.json || args.csv;
    let columns = columns(args.columns.as_deref(), all)?;
    let runs = args.select.runs()?;
    let text = if args.json {
        json(&columns, &runs)?
    } else if args.csv {
        export::csv_text(
            columns.iter().map(|column| column.name),
            runs.iter().map(|run| row(&columns, run)),
        )
    } else if runs.is_empty() {
        format!("no such runs under {}\n", args.select.root.display())
    } else {
        listing(&columns, &runs)
    };
    Ok((text, Exit::Done))
}

/// The columns of these names, or those shown unasked.
fn columns(names: Option<&str>, all: bool) -> Result<Vec<&'static Column>, RunsError> {
    let Some(names) = names else {
        let shown = column::ALL.iter().filter(|column| all || column.is_listed);
        return Ok(shown.collect());
    };
    let named = names.split(',').map(|name| {
        let name = name.trim();
        column::find(name).ok_or_else(|| FilterError::Column {
            given: name.to_owned(),
            permitted: column::names(),
        })
    });
    Ok(named.collect::<Result<_, _>>()?)
}

fn row<'a>(columns: &[&Column], run: &'a Entry) -> Vec<&'a Value> {
    columns.iter().map(|column| run.value(column)).collect()
}

fn listing(columns: &[&Column], runs: &[Entry]) -> String {
    let headings: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| columns.iter().map(|c| cell(c, run.value(c))).collect())
        .collect();
    let mut text = table(headings, &rows);
    for run in runs {
        if let Some(error) = run.error() {
            // An error may show some lines of the file with a mark below them.
            text += &format!("\n{}: {}\n", tame(&run.name), error.replace('\n', "\n  "));
        }
    }
    text
}

fn json(columns: &[&Column], runs: &[Entry]) -> anyhow::Result<String> {
    let object = |run: &Entry| -> serde_json::Map<String, serde_json::Value> {
        let value = |value: &Value| match value {
            Value::Missing => serde_json::Value::Null,
            Value::Text(text) => text.as_str().into(),
            Value::Integer(value) => (*value).into(),
            Value::Real(value) => (*value).into(),
        };
        let pair = |column: &&Column| (column.name.to_owned(), value(run.value(column)));
        columns.iter().map(pair).collect()
    };
    let objects: Vec<_> = runs.iter().map(object).collect();
    Ok(serde_json::to_string_pretty(&objects)? + "\n")
}
