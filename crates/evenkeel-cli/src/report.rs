//! `evenkeel report`: the report of a run, or of several side by side.

use std::path::PathBuf;

use evenkeel_lab::error::LabError;
use evenkeel_lab::report::{self, Format};
use evenkeel_lab::run_folder::find_runs;

use crate::exit::Exit;

/// Write the report of a run, or of the runs in a folder, again or in other formats.
///
/// DIR is a run's folder, or the --out of `train`, whose runs are compared. The page is
/// DIR/report.html; figures go to DIR/figures, events for TensorBoard to `tensorboard` in each run's
/// folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a run or of several.
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
        .collect::<Result<Vec<_>, _>>()
        .map_err(LabError::from)?;
    let runs = find_runs(&args.dir)?;
    let written = report::write(&args.dir, &runs, &formats)?;
    let lines = written.iter().map(|path| format!("{}\n", path.display()));
    Ok((lines.collect(), Exit::Done))
}
