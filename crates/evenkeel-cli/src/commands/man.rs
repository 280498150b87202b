//! `evenkeel man`: manual pages.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;

use crate::exit::Exit;

/// Write a manual page for each command.
///
/// For `man evenkeel`: evenkeel man ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the pages.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let folder = args.folder.display();
    // `help COMMAND` has no page of its own.
    let command = crate::Cli::command().disable_help_subcommand(true);
    fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(command, &args.folder))
        .with_context(|| format!("manual pages cannot be written into {folder}"))?;
    Ok((format!("Manual pages: {folder}/evenkeel*.1\n"), Exit::Done))
}
