//! `evenkeel train`: one run per control, from the same weights and batches, and what came of it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use evenkeel::{advice, control, optimizer, schedule, warmup};
use evenkeel_report::error::ReportError;
use evenkeel_report::{self as report, Format};
use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::{Outcome, Run, find_runs, is_run, refuse_taken};
use evenkeel_runs::prediction::explosion;
use evenkeel_runs::settings::{RequestedControl, RequestedRate, RequestedRun, RunSettings};
use evenkeel_runs::summary::Summary;
use evenkeel_train::comparison;
use evenkeel_train::error::{SpecError, TrainError};
use evenkeel_train::gradient_source;
use evenkeel_train::measure::MEASURES;
use evenkeel_train::resolve::Resolver;
use evenkeel_train::run::ResolvedRun;
use evenkeel_train::sweep::{self, Cell, Jobs};
use evenkeel_train::trainer::Start;

use crate::args::config::{Typed, merged, printed};
use crate::args::cpu::CpuArgs;
use crate::args::network::{SpecArgs, listed};
use crate::exit::{Exit, usage};
use crate::message;
use crate::progress::Progress;
use crate::stop::stop_on_signal;
use crate::table::table;

/// Train a network under several controls of its ELRs and compare what comes of them.
///
/// Every control gets the same initial weights and the same batches. Each run is kept in a folder
/// of its own with everything that was measured, and a report compares them. Without arguments: a
/// BN-MLP of 50 layers on embedded digits, under no control, the critical warm-up, and held ELRs with it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,

    /// Target learning rate, or angle:RADIANS for the rate at which the first step turns weights by
    /// that angle.
    ///
    /// Under held ELRs angle:0.2 came within a point of accuracy of the best rate on 6 of 9 networks, without tuning
    /// (docs/results). The rate is tan(RADIANS)/E, with E the geometric mean of the ELRs at initialisation (times 1 - mu
    /// under momentum). It is measured first and recorded as a number.
    #[arg(
        long,
        default_value = "0.1",
        value_name = "RATE|angle:RADIANS",
        allow_hyphen_values = true
    )]
    lr: RequestedRate,

    /// Controls to compare, separated by commas; `+` joins several into one.
    #[arg(long, default_value_t = format!("none,critical,{}", advice::default_control()), value_name = "A[,B...]", long_help = control_help())]
    control: String,

    /// Optimiser.
    #[arg(long, value_name = "OPTIMIZER", default_value = "sgd", long_help = listed("Optimiser.", optimizer::ALL.iter().map(|o| (o.grammar, o.summary))))]
    optimizer: String,

    /// Measure the ELR of the gradient or of the update [default: update under Adam, and where hold meets momentum; else gradient].
    #[arg(long, value_name = "NAME", long_help = listed("Measure the ELR of the gradient or of the update [default: update under Adam, and where hold meets momentum; else gradient].", MEASURES.iter().map(|m| (m.name, m.summary))))]
    elr: Option<String>,

    /// Schedule of the target rate.
    #[arg(long, value_name = "SCHEDULE", default_value = "constant", long_help = listed("Schedule of the target rate; `+` puts one after another.", schedule::ALL.iter().map(|s| (s.grammar, s.summary))))]
    schedule: String,

    /// Batches whose gradients are averaged for one step.
    #[arg(long, value_name = "BATCHES", default_value_t = 1)]
    accumulate: usize,

    /// Shrink gradients whose norm, of all parameters together, is larger.
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    clip_norm: Option<f64>,

    /// Where the gradients of scale-invariant weights come from.
    #[arg(long, value_name = "NAME", default_value = gradient_source::ALL[0].name, long_help = listed("Where the gradients of scale-invariant weights come from.", gradient_source::ALL.iter().map(|d| (d.name, d.summary))))]
    gradients: String,

    /// Stop after this many evaluations without a lower test loss.
    #[arg(long, value_name = "EVALUATIONS")]
    patience: Option<usize>,

    /// Training steps of each run.
    #[arg(long, default_value_t = 600, value_name = "STEPS")]
    steps: usize,

    /// Steps between evaluations, before which BN statistics are re-estimated on the training set.
    #[arg(long, default_value_t = 100, value_name = "STEPS")]
    eval_every: usize,

    /// Most rows of each split that an evaluation looks at, drawn at random, the same for all runs.
    #[arg(long, default_value_t = 2000, value_name = "ROWS")]
    eval_rows: usize,

    /// Folder for the runs [default: the next free runs/train-NNN].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// A TOML file with any of these options, such as a run's run.toml; what is typed goes before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print what would be run, as a file for --config, and stop.
    #[arg(long)]
    print_config: bool,

    /// Replace earlier runs in that folder.
    #[arg(long)]
    overwrite: bool,

    /// Go on with the runs in --out from their newest checkpoints, to the same bits as if they had
    /// never stopped. No other option is needed; those given must be those that the runs began with.
    #[arg(long, requires = "out", conflicts_with = "overwrite")]
    resume: bool,

    /// Steps between checkpoints [default: as --eval-every]. One is also written at the end, and on
    /// Ctrl-C or SIGTERM.
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: Option<u32>,

    /// Write everything for TensorBoard as well, while it is measured: point it at --out.
    #[arg(long)]
    tensorboard: bool,

    /// Newest checkpoints to keep, besides the one with the best test accuracy.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,

    #[command(flatten)]
    cpu: CpuArgs,
}

fn control_help() -> String {
    let controls = control::ALL.iter().map(|c| (c.grammar, c.summary));
    let policies = warmup::ALL.iter().map(|p| (p.name, p.summary));
    listed(
        "Controls to compare, separated by commas; `+` joins several into one (critical+hold). `auto` is the one that suits the \
         network's ELRs at initialisation (T31).",
        controls,
    ) + &listed("\n\nPolicies for critical:", policies)
}

pub fn run(args: Args, typed: &Typed) -> anyhow::Result<(String, Exit)> {
    let resolver = Resolver::default();
    let requested = requested(&args, typed)?;
    let runs = resolved(&resolver, &requested)?;
    if args.print_config {
        return Ok((printed_config(&runs)?, Exit::Done));
    }
    let out = out_folder(args.out.as_deref())?;
    let cells: Vec<Cell> = runs
        .iter()
        .map(|(requested, run)| Cell::by_control(requested, run))
        .collect();
    if !args.resume {
        for cell in &cells {
            refuse_taken(&out.join(&cell.name), args.overwrite)?;
        }
        comparison::save(&out, cells.iter().map(|cell| &cell.requested))?;
    }
    let outcomes = trained(&args, &resolver, &cells, &out)?;
    let folders = cells.iter().map(|cell| out.join(&cell.name));
    // A run that was interrupted before it began has no folder.
    let runs = folders
        .filter(|folder| is_run(folder))
        .map(|folder| Run::load(&folder))
        .collect::<Result<Vec<_>, _>>()?;
    let text = conclusion(&runs);
    if runs.is_empty() {
        return Ok((text, exit(&outcomes)));
    }
    Ok(match write_reports(&runs, &out) {
        Ok(()) => {
            let page = out.join("report.html");
            let text = format!("{text}\nReport: {}\n", page.display());
            (text, exit(&outcomes))
        }
        // The runs are kept and the table is still worth showing.
        Err(error) => {
            let error = message::of_report(&error);
            eprintln!("error: {error}; the runs are complete: try `evenkeel report` later");
            (text, Exit::File)
        }
    })
}

/// Does the runs, a few at a time, and says how each ended.
fn trained(
    args: &Args,
    resolver: &Resolver,
    cells: &[Cell],
    out: &Path,
) -> anyhow::Result<Vec<Outcome>> {
    let stop = stop_on_signal()?;
    let jobs = Jobs {
        at_once: args.cpu.jobs(),
        threads: args.cpu.threads(cells.len()),
        start: args.start(),
        checkpoint_every: args.checkpoint_every.map(|every| every as usize),
        keep: args.keep as usize,
        keep_checkpoints: true,
        events: args.tensorboard,
        stop: &stop,
    };
    let progress = Progress::of_each(cells);
    let outcomes = sweep::run(cells, out, &jobs, resolver, &progress);
    Ok(outcomes.into_iter().collect::<Result<_, _>>()?)
}

/// Everything in the folder is compared, runs of an earlier call included.
fn write_reports(runs: &[Run], out: &Path) -> Result<(), ReportError> {
    for run in runs {
        report::write(&run.folder, std::slice::from_ref(run), &[Format::Html])?;
    }
    report::write(out, &find_runs(out)?, &[Format::Html])?;
    Ok(())
}

impl Args {
    fn start(&self) -> Start {
        match (self.resume, self.overwrite) {
            (true, _) => Start::Resume,
            (_, true) => Start::Overwrite,
            _ => Start::Fresh,
        }
    }

    /// The run requested, with all controls in one text.
    fn requested(&self) -> RequestedRun {
        RequestedRun {
            lr: self.lr,
            control: self.control.as_str().into(),
            optimizer: self.optimizer.clone(),
            elr: self.elr.clone(),
            schedule: self.schedule.clone(),
            accumulate: self.accumulate,
            clip_norm: self.clip_norm,
            gradients: self.gradients.clone(),
            patience: self.patience,
            steps: self.steps,
            eval_every: self.eval_every,
            eval_rows: self.eval_rows,
            ..self.spec.requested()
        }
    }
}

/// The runs requested, one a control. When runs are resumed without their options, they are those
/// that were requested then.
fn requested(args: &Args, typed: &Typed) -> anyhow::Result<Vec<RequestedRun>> {
    let mut requested = args.requested();
    let silent = args.config.is_none() && !typed.says_anything_of(&requested)?;
    if let (Some(out), true, true) = (&args.out, args.resume, silent) {
        let nothing = || {
            usage(format!(
                "{} has no train.toml, which says what its runs were to be: give the --out of a `train`, or the \
                 options that they began with",
                out.display()
            ))
        };
        return comparison::load(out)?.ok_or_else(nothing);
    }
    if let Some(file) = &args.config {
        requested = merged(file, &requested, typed)?;
    }
    let controls = requested.control.to_string();
    let one_each = controls.split(',').map(|control| RequestedRun {
        control: control.trim().into(),
        ..requested.clone()
    });
    Ok(one_each.collect())
}

/// Resolves the runs requested. The automatic control is no further run where its choice was
/// requested by name as well.
fn resolved(
    resolver: &Resolver,
    requested: &[RequestedRun],
) -> Result<Vec<(RequestedRun, ResolvedRun)>, TrainError> {
    let by_name = |request: &&RequestedRun| request.control != RequestedControl::Auto;
    let named = requested.iter().filter(by_name);
    let automatic = requested.iter().filter(|request| !by_name(request));
    let mut runs: Vec<(RequestedRun, ResolvedRun)> = Vec::with_capacity(requested.len());
    for request in named.chain(automatic) {
        let run = resolver.resolve(request)?;
        let folder = run.controls.folder_name();
        let is_taken = runs
            .iter()
            .any(|(_, other)| other.controls.folder_name() == folder);
        match (is_taken, &request.control) {
            (false, _) => runs.push((request.clone(), run)),
            (true, RequestedControl::Auto) => {}
            (true, RequestedControl::Named(_)) => {
                return Err(SpecError::Repeated { control: folder }.into());
            }
        }
    }
    Ok(runs)
}

/// The settings as they were resolved, with all controls.
fn printed_config(runs: &[(RequestedRun, ResolvedRun)]) -> anyhow::Result<String> {
    let recorded = runs.iter().map(|(_, run)| &run.recorded);
    let controls: Vec<&str> = recorded.map(|run| run.control.as_str()).collect();
    match runs.first() {
        Some((_, run)) => printed(&RunSettings {
            control: controls.join(","),
            ..run.recorded.clone()
        }),
        None => Ok(String::new()),
    }
}

/// The folder asked for, or a fresh one.
fn out_folder(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = asked {
        return Ok(folder.to_owned());
    }
    fs::create_dir_all("runs").map_err(|source| RunsError::Io {
        path: "runs".into(),
        source,
    })?;
    for number in 1u32.. {
        let path = PathBuf::from(format!("runs/train-{number:03}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(RunsError::Io { path, source }.into()),
        }
    }
    anyhow::bail!("runs/ is full")
}

fn conclusion(runs: &[Run]) -> String {
    let summaries: Vec<Summary> = runs.iter().map(Summary::of).collect();
    let rows: Vec<_> = summaries.iter().map(Summary::cells).collect();
    let mut text = table(Summary::HEADINGS, &rows);
    text += "\nSpreads in decades (log10 of largest over smallest ELR). Explosion: growth of |grad W| per layer \
             towards the input";
    if let Some(theory) = runs.first().and_then(|run| explosion(&run.header.spec)) {
        text += &format!(";\n{theory}");
    }
    text += ".\n";
    for (run, summary) in runs.iter().zip(&summaries) {
        if let Some(Outcome::Diverged { step, layer, what }) = &summary.outcome {
            text += &format!(
                "\n{} diverged at step {step}, beginning in {layer}: {what}.\nTry a smaller --lr than {:?}, \
                 or a control that caps it: --control critical or critical+hold.\n",
                summary.control, run.header.spec.lr
            );
        }
    }
    text
}

fn exit(outcomes: &[Outcome]) -> Exit {
    let any = |kind: fn(&Outcome) -> bool| outcomes.iter().any(kind);
    if any(|outcome| matches!(outcome, Outcome::Interrupted { .. })) {
        Exit::Interrupted
    } else if any(|outcome| matches!(outcome, Outcome::Diverged { .. })) {
        Exit::Diverged
    } else {
        Exit::Done
    }
}
