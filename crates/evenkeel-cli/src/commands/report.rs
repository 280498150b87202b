//! `evenkeel report`: the report of a run, or of several side by side.

use std::path::PathBuf;

use evenkeel_claims::page;
use evenkeel_report::{self as report, Format};
use evenkeel_runs::folder::find_runs;

use crate::commands::reproduce::CLAIMS;
use crate::exit::Exit;

/// Write the report of a run, or of the runs in a folder, again or in other formats.
///
/// DIR is a run's folder, the --out of `train`, whose runs are compared, or the pages of `reproduce`, whose
/// figures are drawn. The page is DIR/report.html; figures go to DIR/figures, events for TensorBoard to
/// `tensorboard` in each run's folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a run, of several, or of pages.
    dir: PathBuf,

    /// What to write, separated by commas: html, svg, png, tensorboard.
    #[arg(long, default_value = "html", value_name = "FORMAT[,FORMAT...]")]
    format: String,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let formats = args
        .format
        .split(',')
        .map(|format| format.trim().parse::<Format>())
        .collect::<Result<Vec<_>, _>>()?;
    let figures = page::figures(&args.dir)?;
    let written = match figures.is_empty() {
        true => report::write(&args.dir, &find_runs(&args.dir)?, &formats)?,
        false => report::write_figures(&args.dir, CLAIMS, &figures, &formats)?,
    };
    let lines = written.iter().map(|path| format!("{}\n", path.display()));
    Ok((lines.collect(), Exit::Done))
}
