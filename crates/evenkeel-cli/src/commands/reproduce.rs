//! `evenkeel reproduce`: the claims about weight dynamics, tested on real networks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::anyhow;
use evenkeel_claims::claim::{ALL, Claim, find};
use evenkeel_claims::finding::Finding;
use evenkeel_claims::page;
use evenkeel_claims::provenance::{Provenance, hardware};
use evenkeel_claims::reproduction::Request;
use evenkeel_claims::scale::Scale;
use evenkeel_report::{self as report, Format, figure::Figure};
use evenkeel_train::sweep::in_parallel;

use crate::args::cpu::cores;
use crate::args::network::listed;
use crate::args::sweep::SweepArgs;
use crate::exit::{Exit, usage};
use crate::table::table;

/// The title of their figures.
pub const CLAIMS: &str = "Claims about weight dynamics";

/// Test the claims about weight dynamics on real networks, each with a verdict.
///
/// Every claim has a measure and a threshold that were set beforehand. Its runs are trained, several at a
/// time; the numbers that the verdict goes by are read off them and kept as CSV beside a page with
/// text, tables and figures; report.html in --out has all figures. Started again, it goes on where it was.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Claims to test [default: all].
    #[arg(value_name = "CLAIM", long_help = listed("Claims to test [default: all].", ALL.iter().map(|c| (c.name, c.title))))]
    claims: Vec<String>,

    /// Embedded digits: all verdicts in under a quarter of an hour on two cores. This is the default.
    #[arg(long, conflicts_with_all = ["standard", "full"])]
    quick: bool,

    /// CIFAR-10 at reduced size, for hours on a CPU; get it first with `evenkeel data get cifar10`.
    #[arg(long, conflicts_with = "full")]
    standard: bool,

    /// The paper's networks at their size, for a GPU.
    #[arg(long)]
    full: bool,

    /// Data set that stands in for CIFAR-10, such as folder:PATH.
    #[arg(long, value_name = "NAME[:...]", conflicts_with = "quick")]
    data: Option<String>,

    /// Folder for the runs.
    #[arg(long, value_name = "DIR", default_value = "runs/reproduce")]
    out: PathBuf,

    /// Folder for the pages [default: `pages-SCALE` below --out].
    #[arg(long, value_name = "DIR")]
    pages: Option<PathBuf>,

    /// Train nothing: check that pages and figures in DIR follow from the tables beside them.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["claims", "quick", "standard", "full", "pages", "data"])]
    check: Option<PathBuf>,

    /// Train nothing: write pages and figures in DIR anew that do not follow from the tables beside them, as after a change of
    /// a claim's words.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["claims", "quick", "standard", "full", "pages", "data", "check"])]
    rewrite: Option<PathBuf>,

    /// Say which runs there are, and stop.
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    sweep: SweepArgs,
}

impl Args {
    fn scale(&self) -> Scale {
        match (self.standard, self.full) {
            (true, _) => Scale::Standard,
            (_, true) => Scale::Full,
            _ => Scale::Quick,
        }
    }

    fn claims(&self) -> anyhow::Result<Vec<&'static Claim>> {
        if self.claims.is_empty() {
            return Ok(ALL.iter().collect());
        }
        let known = || ALL.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
        let found = |name: &String| {
            find(name)
                .ok_or_else(|| usage(format!("unknown claim `{name}`; permitted: {}", known())))
        };
        self.claims.iter().map(found).collect()
    }
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    if let Some(folder) = &args.check {
        return check(folder);
    }
    if let Some(folder) = &args.rewrite {
        return rewrite(folder);
    }
    let (claims, scale) = (args.claims()?, args.scale());
    let request = Request {
        scale,
        images: args.data.as_deref(),
    };
    let cells = request.runs(&claims)?;
    if args.dry_run {
        let lines = cells.iter().map(|cell| format!("{}\n", cell.name));
        return Ok((lines.collect(), Exit::Done));
    }
    fs::create_dir_all(&args.out).map_err(|error| anyhow!("{}: {error}", args.out.display()))?;
    let ended = args.sweep.run(&cells, &args.out)?;
    if ended.interrupted > 0 {
        let text = format!(
            "{} of {} runs are left: the same command goes on.\n",
            ended.interrupted,
            cells.len()
        );
        return Ok((text, Exit::Interrupted));
    }
    let pages = args
        .pages
        .clone()
        .unwrap_or_else(|| args.out.join(format!("pages-{}", scale.name())));
    let conclude = |claim: &'static Claim| {
        let begun = Provenance {
            command: format!("evenkeel reproduce {} --{}", claim.name, scale.name()),
            commit: commit(),
            hardware: hardware(),
            ..Provenance::default()
        };
        request.conclude(claim, &args.out, &pages, begun)
    };
    let findings = in_parallel(claims.clone(), cores(), conclude)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    page::write_overview(&pages)?;
    let figures: Vec<Figure> = findings
        .iter()
        .flat_map(|finding| finding.figures.clone())
        .collect();
    report::write_figures(&args.out, CLAIMS, &figures, &[Format::Html])?;
    Ok((told(&claims, &findings, &pages), ended.exit()))
}

fn check(folder: &Path) -> anyhow::Result<(String, Exit)> {
    let other = page::check(folder)?;
    if other.is_empty() {
        let text = format!(
            "Every page and figure in {} follows from its tables.\n",
            folder.display()
        );
        return Ok((text, Exit::Done));
    }
    let lines = other.iter().map(|path| {
        format!(
            "does not follow from the tables beside it: {}\n",
            path.display()
        )
    });
    Ok((lines.collect(), Exit::File))
}

fn rewrite(folder: &Path) -> anyhow::Result<(String, Exit)> {
    let lines = page::rewrite(folder)?
        .into_iter()
        .map(|path| format!("written anew: {}\n", path.display()));
    Ok((lines.collect(), Exit::Done))
}

fn told(claims: &[&Claim], findings: &[Finding], pages: &Path) -> String {
    let rows: Vec<_> = claims
        .iter()
        .zip(findings)
        .map(|(claim, finding)| {
            let page = pages.join(claim.name).join("README.md");
            [
                claim.name.to_owned(),
                finding.verdict.to_string(),
                page.display().to_string(),
            ]
        })
        .collect();
    table(["claim", "verdict", "page"], &rows)
}

/// The commit of the source that this program was built from, where it still is and git knows it.
fn commit() -> Option<String> {
    let source = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git")
        .args([
            "-C",
            source,
            "describe",
            "--always",
            "--dirty",
            "--exclude",
            "*",
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
