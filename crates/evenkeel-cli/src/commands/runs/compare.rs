//! `evenkeel runs compare`.

use std::path::PathBuf;

use evenkeel_runs::difference::{ABSENT, Span, differing, groups, setting};
use evenkeel_runs::index::column;
use evenkeel_runs::index::entry::Entry;
use evenkeel_runs::index::read_all;

use super::cell::{cell, number, tame};
use crate::exit::{Exit, usage};
use crate::table::table;

/// What runs came to.
const SHOWN: [&str; 6] = [
    "state",
    "done",
    "initial_spread",
    "final_spread",
    "final_loss",
    "best_accuracy",
];
/// Of which means are taken.
const AVERAGED: [&str; 5] = [
    "done",
    "initial_spread",
    "final_spread",
    "final_loss",
    "best_accuracy",
];

/// Show what runs differ in, beside what they came to.
///
/// Only settings that are not the same in all of them are shown. Spreads are in decades.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of runs, or with runs at any depth.
    #[arg(required = true, value_name = "RUN")]
    paths: Vec<PathBuf>,

    /// Put runs together that differ in this setting alone, such as seed: mean (lowest–highest).
    #[arg(long, value_name = "SETTING")]
    over: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<(String, Exit)> {
    let mut all: Vec<Entry> = Vec::new();
    for path in &args.paths {
        let new = read_all(path)?;
        let is_new = |run: &Entry| all.iter().all(|other| other.name != run.name);
        let new: Vec<Entry> = new.into_iter().filter(is_new).collect();
        all.extend(new);
    }
    let (runs, damaged): (Vec<&Entry>, Vec<&Entry>) =
        all.iter().partition(|run| run.error().is_none());
    for run in damaged {
        let error = run.error().unwrap_or_default();
        eprintln!("note: left out: {}: {error}", tame(&run.name));
    }
    if runs.len() < 2 {
        return Err(usage(format!(
            "{} readable run is not enough to compare; name two runs or a folder with several",
            runs.len()
        )));
    }
    let names = differing(&runs);
    let text = match &args.over {
        None => single(&runs, &names),
        Some(over) => grouped(&runs, &names, over)?,
    };
    Ok((text, Exit::Done))
}

/// A row a run.
fn single(runs: &[&Entry], names: &[String]) -> String {
    let headings = ["run"].into_iter().chain(names.iter().map(String::as_str));
    let headings: Vec<&str> = headings.chain(SHOWN).collect();
    let columns: Vec<_> = SHOWN.iter().filter_map(|name| column::find(name)).collect();
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let settings = names.iter().map(|name| shown(run, name));
            let values = columns.iter().map(|c| cell(c, run.value(c)));
            let first = [tame(&run.name)].into_iter();
            first.chain(settings).chain(values).collect()
        })
        .collect();
    table(headings, &rows)
}

/// A row a group of runs that are alike but for `over`.
fn grouped(runs: &[&Entry], names: &[String], over: &str) -> anyhow::Result<String> {
    if !runs.iter().any(|run| run.settings.contains_key(over)) {
        let known: Vec<&str> = runs[0].settings.keys().map(String::as_str).collect();
        return Err(usage(format!(
            "--over: `{}` is not a setting; permitted: {}",
            tame(over),
            known.join(", ")
        )));
    }
    let others: Vec<&String> = names.iter().filter(|name| *name != over).collect();
    let counted = format!("of {over}");
    let headings = others.iter().map(|name| name.as_str());
    let headings: Vec<&str> = headings.chain([counted.as_str()]).chain(AVERAGED).collect();
    let rows: Vec<Vec<String>> = groups(runs, over)
        .iter()
        .map(|group| {
            let settings = others.iter().map(|name| shown(group[0], name));
            let count = [group.len().to_string()].into_iter();
            let spans = AVERAGED.iter().map(|name| span(group, name));
            settings.chain(count).chain(spans).collect()
        })
        .collect();
    Ok(table(headings, &rows))
}

/// A setting; of a hash as much as tells it from others.
fn shown(run: &Entry, name: &str) -> String {
    let text = setting(run, name);
    match name {
        "data_sha256" => text.chars().take(12).collect(),
        _ => tame(text),
    }
}

/// Mean, lowest and highest of a column, and of how many runs if not of all.
fn span(group: &[&Entry], name: &str) -> String {
    let values = group.iter().filter_map(|run| run.named(name).number());
    let Some(span) = Span::of(values) else {
        return ABSENT.to_owned();
    };
    let number = |value| number(name, value);
    let text = number(span.mean);
    match (span.lowest == span.highest, span.count == group.len()) {
        (true, true) => text,
        (false, true) => format!("{text} ({}–{})", number(span.lowest), number(span.highest)),
        (_, false) => format!(
            "{text} ({}–{}, {} runs)",
            number(span.lowest),
            number(span.highest),
            span.count
        ),
    }
}
