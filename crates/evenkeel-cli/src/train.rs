//! `evenkeel train`: one run per control, from the same weights and batches, and what came of it.

use std::fs;
use std::io::ErrorKind;
use std::num::ParseFloatError;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::advice::{self, Advice};
use evenkeel::{control, optimizer, schedule, warmup};
use evenkeel_report::error::ReportError;
use evenkeel_report::{self as report, Format};
use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::{Outcome, Run, StepLine, find_runs, refuse_taken};
use evenkeel_runs::prediction::explosion;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::summary::{Summary, decades};
use evenkeel_train::comparison;
use evenkeel_train::error::{SpecError, TrainError};
use evenkeel_train::gradient_source;
use evenkeel_train::initial::initial_elrs;
use evenkeel_train::measure::MEASURES;
use evenkeel_train::resolve::{resolve, resolve_on};
use evenkeel_train::run::ResolvedRun;
use evenkeel_train::sweep::in_parallel;
use evenkeel_train::trainer::{self, Job, Keeping, Observer, Start};
use evenkeel_train::turn;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::config::{Typed, merged, printed};
use crate::exit::{Exit, usage};
use crate::message;
use crate::spec_args::{SpecArgs, listed};
use crate::table::table;
use crate::workers::{cores, stop_on_signal};

/// Train a network under several controls of its ELRs and compare what comes of them.
///
/// Every control gets the same initial weights and the same batches. Each run is kept in a folder
/// of its own with everything that was measured, and a report compares them. Without arguments: a
/// BN-MLP of 50 layers on embedded digits, under no control, the critical warm-up, and held ELRs with it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,

    /// Learning rate to aim at, or turn:TANGENT for the rate at which the first step turns weights by
    /// that much.
    ///
    /// Under held ELRs turn:0.2 came within a point of accuracy of the best rate on 6 of 9 networks, without tuning
    /// (docs/results). The rate is TANGENT/E, with E the geometric mean of the ELRs at initialisation (times 1 - mu
    /// under momentum). It is measured first and written down as a number.
    #[arg(
        long,
        default_value = "0.1",
        value_name = "RATE|turn:TANGENT",
        allow_hyphen_values = true
    )]
    lr: Rate,

    /// Controls to compare, separated by commas; `+` joins several into one.
    #[arg(long, default_value_t = format!("none,critical,{}", advice::default_control()), value_name = "A[,B...]", long_help = control_help())]
    control: String,

    /// Optimiser.
    #[arg(long, value_name = "OPTIMIZER", default_value = "sgd", long_help = listed("Optimiser.", optimizer::ALL.iter().map(|o| (o.grammar, o.summary))))]
    optimizer: String,

    /// What ELRs are those of [default: update under Adam, and where hold meets momentum; else gradient].
    #[arg(long, value_name = "NAME", long_help = listed("What ELRs are those of [default: update under Adam, and where hold meets momentum; else gradient].", MEASURES.iter().map(|m| (m.name, m.summary))))]
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

    /// Runs at a time [default: the number of cores]. Results do not depend on it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Threads that compute each run [default: the cores, shared out among the runs]. Results do not
    /// depend on it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// A learning rate, or what gives one.
#[derive(Debug, Clone, Copy)]
enum Rate {
    Given(f64),
    Turn(f64),
}

impl Rate {
    /// The rate, or one that passes for it until it is measured.
    fn given(self) -> f64 {
        match self {
            Self::Given(rate) => rate,
            Self::Turn(_) => 1.0,
        }
    }
}

impl FromStr for Rate {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> Result<Self, ParseFloatError> {
        match text.strip_prefix("turn:") {
            Some(tangent) => tangent.parse().map(Self::Turn),
            None => text.parse().map(Self::Given),
        }
    }
}

/// Instead of a control: the one that suits the network.
const ADVISED: &str = "auto";

fn control_help() -> String {
    let controls = control::ALL.iter().map(|c| (c.grammar, c.summary));
    let policies = warmup::ALL.iter().map(|p| (p.name, p.summary));
    listed(
        "Controls to compare, separated by commas; `+` joins several into one (critical+hold). `auto` is the one that suits the \
         network as it is at initialisation (T31).",
        controls,
    ) + &listed("\n\nPolicies for critical:", policies)
}

pub fn run(args: Args, typed: &Typed) -> anyhow::Result<(String, Exit)> {
    let raws = raws(&args, typed)?;
    let specs = specs(&raws)?;
    if args.print_config {
        return Ok((printed_config(&specs, &raws)?, Exit::Done));
    }
    let out = out_folder(args.out.as_deref())?;
    let folders: Vec<PathBuf> = specs
        .iter()
        .map(|spec| out.join(spec.controls.folder_name()))
        .collect();
    if !args.resume {
        for folder in &folders {
            refuse_taken(folder, args.overwrite)?;
        }
        comparison::save(&out, &raws)?;
    }
    let stop = stop_on_signal()?;
    let bars = MultiProgress::new();
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let threads = args.threads.map_or_else(
        || (cores() / jobs.min(specs.len()).max(1)).max(1),
        usize::from,
    );
    let tasks: Vec<Task> = specs
        .iter()
        .zip(&folders)
        .map(|(spec, folder)| Task {
            job: Job {
                run: spec,
                folder: folder.clone(),
                start: args.start(),
                checkpoints: Keeping {
                    every: args
                        .checkpoint_every
                        .map_or(spec.settings.eval_every, |every| every as usize),
                    keep: args.keep as usize,
                },
                threads,
                events: args.tensorboard,
                stop: &stop,
            },
            bar: bars.add(bar(spec)),
        })
        .collect();
    let outcomes = in_parallel(tasks, jobs, Task::run)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let runs = folders
        .iter()
        .map(|folder| Run::load(folder))
        .collect::<Result<Vec<_>, _>>()?;
    let text = conclusion(&runs);
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

    /// The specification, with all controls in one text.
    fn raw(&self) -> RunSettings {
        RunSettings {
            optimizer: self.optimizer.clone(),
            elr: self.elr.clone(),
            schedule: self.schedule.clone(),
            accumulate: self.accumulate,
            clip_norm: self.clip_norm,
            gradients: self.gradients.clone(),
            patience: self.patience,
            eval_rows: self.eval_rows,
            ..self
                .spec
                .raw(self.lr.given(), &self.control, self.steps, self.eval_every)
        }
    }
}

/// What is asked for, one specification a control. When runs are resumed without saying what they
/// are, it is what was asked for then.
fn raws(args: &Args, typed: &Typed) -> anyhow::Result<Vec<RunSettings>> {
    let mut raw = args.raw();
    let silent = args.config.is_none() && !typed.says_anything_of(&raw)?;
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
        raw = merged(file, &raw, typed)?;
    }
    if let Rate::Turn(tangent) = args.lr {
        raw.lr = turn::rate(&measured(&raw)?, tangent)?;
    }
    let one_each = controls(&raw)?.into_iter().map(|control| RunSettings {
        control,
        ..raw.clone()
    });
    Ok(one_each.collect())
}

/// The controls asked for, with the one that suits the network by its name. If that is asked for as well, it is one run.
fn controls(raw: &RunSettings) -> anyhow::Result<Vec<String>> {
    let asked: Vec<&str> = raw.control.split(',').map(str::trim).collect();
    let by_name = asked.iter().filter(|control| **control != ADVISED);
    let controls: Vec<&str> = by_name.copied().collect();
    if controls.len() < asked.len() {
        let elrs = initial_elrs(&measured(raw)?)?;
        let advised = Advice::of(&elrs).control().to_string();
        if !controls.iter().any(|control| **control == advised) {
            let mut controls: Vec<String> = controls.into_iter().map(str::to_owned).collect();
            controls.push(advised);
            return Ok(controls);
        }
    }
    Ok(controls.into_iter().map(str::to_owned).collect())
}

/// The network whose ELRs are measured to choose a rate or a control, which do not depend on the controls.
fn measured(raw: &RunSettings) -> anyhow::Result<ResolvedRun> {
    let spec = RunSettings {
        control: "none".to_owned(),
        ..raw.clone()
    };
    Ok(resolve(spec)?)
}

/// The specification as it was resolved, with all controls.
fn printed_config(specs: &[ResolvedRun], raws: &[RunSettings]) -> anyhow::Result<String> {
    let controls: Vec<&str> = raws.iter().map(|raw| raw.control.as_str()).collect();
    match specs.first() {
        Some(spec) => printed(&RunSettings {
            control: controls.join(","),
            ..spec.settings.clone()
        }),
        None => Ok(String::new()),
    }
}

fn specs(raws: &[RunSettings]) -> Result<Vec<ResolvedRun>, SpecError> {
    let mut specs: Vec<ResolvedRun> = Vec::new();
    for raw in raws {
        let loaded = specs.first().map(|spec| Arc::clone(&spec.data));
        specs.push(resolve_on(raw.clone(), loaded)?);
    }
    let folders: Vec<String> = specs
        .iter()
        .map(|spec| spec.controls.folder_name())
        .collect();
    match folders
        .iter()
        .enumerate()
        .find(|(i, name)| folders[..*i].contains(name))
    {
        Some((_, name)) => Err(SpecError::Repeated {
            control: name.clone(),
        }),
        None => Ok(specs),
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

struct Task<'a> {
    job: Job<'a>,
    bar: ProgressBar,
}

impl Task<'_> {
    fn run(self) -> Result<Outcome, TrainError> {
        let mut observer = Bar { bar: self.bar };
        observer.bar.enable_steady_tick(Duration::from_millis(250));
        observer.bar.reset_elapsed();
        let outcome = trainer::train(&self.job, &mut observer);
        observer.bar.abandon();
        outcome
    }
}

fn bar(spec: &ResolvedRun) -> ProgressBar {
    let template = "{prefix:<22} {bar:24} {pos:>5}/{len} {msg}  {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(spec.settings.steps as u64)
        .with_style(style)
        .with_prefix(spec.controls.to_string())
}

struct Bar {
    bar: ProgressBar,
}

impl Observer for Bar {
    fn step(&mut self, line: &StepLine) {
        let spread = line
            .spread_range
            .map_or("–".to_owned(), |range| format!("{:.2}", decades(range)));
        self.bar.set_message(format!(
            "loss {:.3}  lr {:.3e}  spread {spread} decades",
            line.loss, line.lr
        ));
        self.bar.set_position(line.step as u64 + 1);
    }
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
