//! `evenkeel completions`: completions for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::exit::Exit;

/// Print completions for a shell.
///
/// For bash: evenkeel completions bash > ~/.local/share/bash-completion/completions/evenkeel
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let mut text = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::Cli::command(),
        "evenkeel",
        &mut text,
    );
    Ok((String::from_utf8(text)?, Exit::Done))
}
