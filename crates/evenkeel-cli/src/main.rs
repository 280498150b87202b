//! The program `evenkeel`: measure, predict and fix the effective learning rates of deep
//! normalized networks. One file a command under `commands/`; every command returns its text and an exit code.

#![allow(
    clippy::print_stderr,
    reason = "the program talks to its user on standard error"
)]

mod args;
mod commands;
mod exit;
mod message;
mod progress;
mod stop;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use mimalloc::MiMalloc;

use args::config;
use commands::{
    advise, completions, data, drift, forecast, man, phase, report, reproduce, runs, snapshot,
    sweep, train, weights,
};
use exit::Exit;

/// Autodiff asks for thousands of small pieces of memory a step, and gives them back in another order.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measure, predict and fix the effective learning rates (ELRs) of deep normalized networks.
///
/// Weights that are followed by a normalization layer are scale-invariant: what a step does to them
/// is set by ELR = |grad W| / |W|. At initialisation ELRs differ between layers by orders of
/// magnitude. evenkeel measures them while a network trains, predicts how they evolve, and evens
/// them out: by a warm-up without hyper-parameters, by rescaling weights, by holding ELRs equal.
///
/// Start with `evenkeel train`: it needs nothing and takes about half a minute.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done; 2 usage or configuration; 3 data, file or device; \
4 diverged (what was learnt is kept); 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Sweep(sweep::Args),
    Reproduce(reproduce::Args),
    Forecast(forecast::Args),
    Advise(advise::Args),
    Drift(drift::Args),
    Phase(phase::Args),
    Report(report::Args),
    Runs(runs::Args),
    Snapshot(snapshot::Args),
    Weights(weights::Args),
    Data(data::Args),
    Completions(completions::Args),
    Man(man::Args),
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let command = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command,
        Err(error) => error.exit(),
    };
    let result = match command {
        Command::Train(args) => train::run(*args, &config::Typed::of(&matches)),
        Command::Sweep(args) => sweep::run(args),
        Command::Reproduce(args) => reproduce::run(args),
        Command::Forecast(args) => forecast::run(args),
        Command::Advise(args) => advise::run(args),
        Command::Drift(args) => drift::run(args),
        Command::Phase(args) => phase::run(args),
        Command::Report(args) => report::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Snapshot(args) => snapshot::run(args),
        Command::Weights(args) => weights::run(args),
        Command::Data(args) => data::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    };
    match result {
        Ok((text, exit)) => match std::io::stdout().write_all(text.as_bytes()) {
            // A reader that has seen enough, such as `head`, is no failure.
            Ok(()) => exit.into(),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => exit.into(),
            Err(error) => {
                eprintln!("error: standard output: {error}");
                Exit::File.into()
            }
        },
        Err(error) => {
            eprintln!("error: {}", message::of(&error));
            Exit::of(&error).into()
        }
    }
}
