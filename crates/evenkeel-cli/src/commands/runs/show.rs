//! `evenkeel runs show`.

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::{Lock, Outcome, Run, is_run};
use evenkeel_runs::index::entry::refuse_unusual;
use evenkeel_runs::summary::Summary;

use super::cell::tame;
use crate::exit::Exit;
use crate::table::table;

/// What a run's folder may hold.
const FILES: [&str; 8] = [
    "run.toml",
    "steps.jsonl",
    "layers.jsonl",
    "evals.jsonl",
    "timing.jsonl",
    "outcome.json",
    "checkpoints",
    "report.html",
];

/// Show everything about a run: what it was, how it ended, its layers, its files.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's folder.
    run: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<(String, Exit)> {
    let folder = &args.run;
    if !is_run(folder) {
        return Err(RunsError::NoRun {
            path: folder.clone(),
        }
        .into());
    }
    refuse_unusual(folder, &FILES[..6])?;
    let run = Run::load(folder)?;
    let parts = [
        format!("{}\n", folder.display()),
        specification(&run)?,
        outcome(&run),
        layers(&run),
        others(&run),
        files(folder),
    ];
    Ok((parts.join("\n"), Exit::Done))
}

fn specification(run: &Run) -> anyhow::Result<String> {
    let header = &run.header;
    let hash = header.data_sha256.as_deref();
    let program = [
        ("evenkeel", header.evenkeel.as_str()),
        ("burn", &header.burn),
        ("device", &header.device),
        ("data_sha256", hash.unwrap_or("not recorded")),
    ];
    let mut lines: String = program
        .iter()
        .map(|(name, value)| format!("  {name:<12} {}\n", value.escape_debug()))
        .collect();
    for (name, value) in toml::Table::try_from(&header.spec)? {
        let value = value.as_str().map_or(value.to_string(), tame);
        lines += &format!("  {name:<12} {value}\n");
    }
    Ok(format!("Specification\n{lines}"))
}

fn outcome(run: &Run) -> String {
    let summary = Summary::of(run);
    let mut text = "Outcome\n".to_owned();
    for (heading, cell) in Summary::HEADINGS.iter().zip(summary.cells()).skip(1) {
        text += &format!("  {heading:<14} {}\n", tame(&cell));
    }
    text += &format!("  {:<14} {}\n", "steps done", summary.steps);
    match &run.outcome {
        Some(Outcome::Diverged { what, .. }) => text + &format!("  {:<14} {}\n", "why", tame(what)),
        None if Lock::is_held(&run.folder) => {
            text + "  running: another process is writing to it\n"
        }
        None => text + "  killed: `evenkeel train --out … --resume` goes on with it\n",
        Some(_) => text,
    }
}

fn layers(run: &Run) -> String {
    let [first, last] = [run.layers.first(), run.layers.last()];
    let number = |list: Option<&Vec<f64>>, layer: usize| {
        let value = list.and_then(|list| list.get(layer));
        value.map_or("–".to_owned(), |value| format!("{value:.3e}"))
    };
    let rows: Vec<[String; 7]> = run
        .header
        .layers
        .iter()
        .enumerate()
        .map(|(layer, header)| {
            [
                tame(&header.name),
                shape(&header.shape),
                number(first.map(|line| &line.weight_norm), layer),
                number(last.map(|line| &line.weight_norm), layer),
                number(first.map(|line| &line.grad_norm), layer),
                number(first.map(|line| &line.elr), layer),
                number(last.map(|line| &line.elr), layer),
            ]
        })
        .collect();
    let headings = [
        "layer",
        "shape",
        "|W| first",
        "|W| last",
        "|grad W| first",
        "ELR first",
        "ELR last",
    ];
    format!("Scale-invariant layers\n{}", table(headings, &rows))
}

fn others(run: &Run) -> String {
    let rows: Vec<[String; 3]> = run
        .header
        .others
        .iter()
        .map(|other| [tame(&other.name), shape(&other.shape), tame(&other.role)])
        .collect();
    format!(
        "Other parameters\n{}",
        table(["parameter", "shape", "why it does not count"], &rows)
    )
}

fn shape(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    sides.join("×")
}

fn files(folder: &Path) -> String {
    let lines = FILES.iter().filter_map(|name| {
        let path = folder.join(name);
        let metadata = fs::metadata(&path).ok()?;
        let size = match metadata.is_dir() {
            true => format!("{} files", fs::read_dir(&path).ok()?.count()),
            false => format!("{} bytes", metadata.len()),
        };
        Some(format!("  {:<60} {size}\n", path.display().to_string()))
    });
    format!("Files\n{}", lines.collect::<String>())
}
