//! `evenkeel sweep`: all runs of a grid.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use evenkeel_runs::settings::RequestedRun;
use evenkeel_train::error::TrainError;
use evenkeel_train::sweep::{cells, grid};

use crate::args::sweep::{Ended, SweepArgs};
use crate::exit::Exit;
use crate::message;

/// Do all runs of a grid, several at a time
///
/// GRID is a TOML file. What stands at its top holds for all runs, by the names in a run's run.toml;
/// lr may also be "angle:RADIANS", and control "auto". Every combination of the values in a [[grid]] is a run:
///
///     depth = 50
///     [[grid]]
///     control = ["none", "hold"]
///     lr = [0.03, 0.1, 0.3]
///     seed = [0, 1, 2]
///
/// Each run has a folder below --out that is named by what was asked for. Started again, a sweep goes
/// on where it was, and a grid that has grown does what is new. A run that fails leaves the others
/// alone. `evenkeel runs list OUT` shows what came of them.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The grid.
    #[arg(value_name = "GRID")]
    grid: PathBuf,

    /// Folder for the runs.
    #[arg(long, value_name = "DIR", default_value = "runs/sweep")]
    out: PathBuf,

    /// Say which runs there are, and stop.
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    sweep: SweepArgs,
}

/// What a grid does not say: as in `train`.
fn defaults() -> RequestedRun {
    RequestedRun {
        steps: 600,
        eval_every: 100,
        ..RequestedRun::default()
    }
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let shown = args.grid.display();
    let text = fs::read_to_string(&args.grid).map_err(|error| anyhow!("{shown}: {error}"))?;
    let raws = grid::parse(&args.grid, &text, &defaults()).map_err(TrainError::from)?;
    let cells = cells(raws)?;
    if args.dry_run {
        let lines = cells.iter().map(|cell| format!("{}\n", cell.name));
        return Ok((lines.collect(), Exit::Done));
    }
    fs::create_dir_all(&args.out).map_err(|error| anyhow!("{}: {error}", args.out.display()))?;
    let ended = args.sweep.run(&cells, &args.out)?;
    Ok((told(&args.out, cells.len(), &ended), ended.exit()))
}

/// What came of a sweep.
fn told(out: &Path, count: usize, ended: &Ended) -> String {
    let done = count - ended.interrupted - ended.failed.len();
    let mut text = format!("{done} of {count} runs have ended in {}", out.display());
    if ended.diverged > 0 {
        text += &format!(", {} of them diverged", ended.diverged);
    }
    text += ".\n";
    for (name, error) in &ended.failed {
        text += &format!("failed: {name}: {}\n", message::of_train(error));
    }
    if ended.interrupted > 0 {
        text += "Interrupted: the same command goes on.\n";
    }
    text + &format!("Next: evenkeel runs list {}\n", out.display())
}
