//! `evenkeel runs`: which runs there are, what they came to, what they differ in.

mod cell;
mod compare;
mod export;
mod list;
mod select;
mod show;

use crate::exit::Exit;

/// List, show, compare and export runs.
///
/// Run folders are the truth. What was read of them is kept in ROOT/.evenkeel-index.sqlite, which is
/// brought up to date at each call and can be deleted at any time.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    List(list::Args),
    Show(show::Args),
    Compare(compare::Args),
    Export(export::Args),
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    match args.action {
        Action::List(args) => list::run(&args),
        Action::Show(args) => show::run(&args),
        Action::Compare(args) => compare::run(&args),
        Action::Export(args) => export::run(&args),
    }
}
