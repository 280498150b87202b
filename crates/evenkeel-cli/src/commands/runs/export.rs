//! `evenkeel runs export`.

use std::path::PathBuf;

use evenkeel_runs::export::{self, Format, Table};

use super::select::SelectArgs;
use crate::args::network::listed;
use crate::exit::{Exit, usage};

/// Write runs as one tidy table for pandas, polars or a spreadsheet.
///
/// A row is an observation, and names its run. The file is written whole or not at all.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    select: SelectArgs,

    /// File format: csv or parquet.
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: String,

    /// What to write.
    #[arg(long, value_name = "TABLE", default_value = "runs", long_help = listed("What to write.", export::ALL.iter().map(|t| (t.name, t.summary))))]
    what: String,

    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<(String, Exit)> {
    let format: Format = args.format.parse()?;
    let table = Table::find(&args.what).ok_or_else(|| {
        let names: Vec<&str> = export::ALL.iter().map(|table| table.name).collect();
        usage(format!(
            "unknown table `{}`; permitted: {}",
            args.what,
            names.join(", ")
        ))
    })?;
    let runs = args.select.runs()?;
    let exported = export::write(&args.out, format, table, &args.select.root, &runs)?;
    for error in &exported.left_out {
        eprintln!("note: left out: {error}");
    }
    let taken = runs.len() - exported.left_out.len();
    let text = format!(
        "{}: {} rows of {taken} runs\n",
        args.out.display(),
        exported.rows
    );
    Ok((text, Exit::Done))
}
