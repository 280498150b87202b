//! The page of a claim: text, figures and tables, from its numbers alone.

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel_nn::hash::fingerprint;
use evenkeel_report::{self, figure::Figure};
use evenkeel_runs::error::RunsError;
use evenkeel_runs::file::write_atomically;

use crate::claim::{ALL, Claim};
use crate::error::ClaimsError;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable};
use crate::provenance::Provenance;
use crate::sheet::Sheet;

const PAGE: &str = "README.md";
const PROVENANCE: &str = "provenance.toml";

/// A file of a page.
#[derive(Debug)]
struct File {
    name: String,
    bytes: Vec<u8>,
}

/// Writes the tables of a claim, and its page and figures beside them, into `folder`/NAME.
///
/// # Errors
/// [`RunsError::Io`] or [`ReportError::Figure`](evenkeel_report::error::ReportError::Figure).
pub fn write(
    folder: &Path,
    claim: &Claim,
    evidence: &Evidence,
    provenance: &Provenance,
) -> Result<Finding, ClaimsError> {
    let place = folder.join(claim.name);
    evidence.save(&place)?;
    let path = place.join(PROVENANCE);
    write_atomically(&path, provenance.to_toml(&path)?.as_bytes())?;
    // What is judged is what is in the files.
    let (finding, files) = made(claim, &place)?;
    for file in files {
        write_atomically(&place.join(file.name), &file.bytes)?;
    }
    Ok(finding)
}

/// What the tables in `place` say of a claim.
fn judged(claim: &Claim, place: &Path) -> Result<Finding, ClaimsError> {
    Ok(claim.judge(&Evidence::load(claim.sheets, place)?))
}

/// Makes the page of a claim again from the tables in `place`.
fn made(claim: &Claim, place: &Path) -> Result<(Finding, Vec<File>), ClaimsError> {
    let provenance = Provenance::load(&place.join(PROVENANCE))?;
    let finding = judged(claim, place)?;
    let mut files = Vec::new();
    for figure in &finding.figures {
        files.push(File {
            name: format!("{}.svg", figure.name),
            bytes: evenkeel_report::svg(figure)?.into_bytes(),
        });
    }
    let hashes = hashes(claim, place)?;
    files.push(File {
        name: PAGE.to_owned(),
        bytes: text(claim, &finding, &provenance, &hashes).into_bytes(),
    });
    Ok((finding, files))
}

/// The claims that have a page in `folder`.
pub fn there(folder: &Path) -> Vec<&'static Claim> {
    let has = |claim: &&Claim| folder.join(claim.name).join(PROVENANCE).exists();
    ALL.iter().filter(has).collect()
}

/// Writes the overview of all pages in `folder`.
///
/// # Errors
/// As [`write()`].
pub fn write_overview(folder: &Path) -> Result<(), ClaimsError> {
    let overview = overview(folder)?;
    Ok(write_atomically(&folder.join(PAGE), overview.as_bytes())?)
}

/// The figures of all pages in `folder`, from the tables beside them; names begin with the claim's.
///
/// # Errors
/// As [`check`], but that there may be no page.
pub fn figures(folder: &Path) -> Result<Vec<Figure>, ClaimsError> {
    let mut all = Vec::new();
    for claim in there(folder) {
        let figures = judged(claim, &folder.join(claim.name))?.figures;
        all.extend(figures.into_iter().map(|figure| Figure {
            name: format!("{}-{}", claim.name, figure.name),
            ..figure
        }));
    }
    Ok(all)
}

/// The pages and figures in `folder` that do not follow from the tables beside them.
///
/// # Errors
/// [`ClaimsError::NoPages`] when there is none; [`RunsError::Io`] or [`RunsError::Malformed`].
pub fn check(folder: &Path) -> Result<Vec<PathBuf>, ClaimsError> {
    let other = others(folder)?;
    Ok(other.into_iter().map(|(path, _)| path).collect())
}

/// Writes those that do not follow from the tables anew, as after a change of a claim's words or figures, and says which they were.
///
/// # Errors
/// As [`check`], and [`RunsError::Io`] where they cannot be written.
pub fn rewrite(folder: &Path) -> Result<Vec<PathBuf>, ClaimsError> {
    let write = |(path, bytes): (PathBuf, Vec<u8>)| write_atomically(&path, &bytes).map(|()| path);
    let written = others(folder)?.into_iter().map(write);
    Ok(written.collect::<Result<_, RunsError>>()?)
}

/// What does not follow from the tables beside it, and what would.
fn others(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, ClaimsError> {
    let claims = there(folder);
    if claims.is_empty() {
        return Err(ClaimsError::NoPages {
            path: folder.to_owned(),
        });
    }
    let mut all = vec![(folder.join(PAGE), overview(folder)?.into_bytes())];
    for claim in claims {
        let place = folder.join(claim.name);
        let files = made(claim, &place)?.1;
        all.extend(
            files
                .into_iter()
                .map(|file| (place.join(&file.name), file.bytes)),
        );
    }
    all.retain(|(path, bytes)| fs::read(path).ok().as_ref() != Some(bytes));
    Ok(all)
}

fn overview(folder: &Path) -> Result<String, ClaimsError> {
    let mut text = "# Claims and verdicts\n\nEach page is made by `evenkeel reproduce` from the tables beside it.\n\n\
                    | claim | verdict | |\n|---|---|---|\n"
        .to_owned();
    for claim in there(folder) {
        let finding = judged(claim, &folder.join(claim.name))?;
        text += &format!(
            "| [{}]({}/README.md) | **{}** | {} |\n",
            claim.name,
            claim.name,
            finding.verdict,
            cell(claim.title)
        );
    }
    Ok(text)
}

fn text(
    claim: &Claim,
    finding: &Finding,
    from: &Provenance,
    hashes: &[(String, String)],
) -> String {
    let mut text = format!(
        "# {}: {}\n\n**Verdict: {}.** {}\n\n## Claim\n\n{}\n\n## Measure, set beforehand\n\n{}\n\n## What was found\n\n",
        claim.name, claim.title, finding.verdict, finding.because, claim.statement, claim.measure
    );
    for figure in &finding.figures {
        text += &format!("![{0}]({1}.svg)\n\n*{0}*\n\n", figure.caption, figure.name);
    }
    for table in &finding.tables {
        text += &markdown(table);
    }
    text += &format!(
        "## How\n\n```sh\n{}\n```\n\n{} runs, {} of them diverged, {} missing; {} steps in {:.0} s of computing. Seeds: {}. Data: {}. {}; {}; {}.",
        from.command,
        from.runs,
        from.diverged,
        from.missing,
        from.steps,
        from.seconds,
        listed(from.seeds.iter()),
        listed(from.data.iter()),
        listed(from.versions.iter()),
        listed(from.devices.iter()),
        from.hardware
    );
    if let Some(commit) = &from.commit {
        text += &format!(" Commit {commit}.");
    }
    text += "\n\nThe numbers, with their SHA-256:\n\n";
    for (name, hash) in hashes {
        text += &format!("- [{name}]({name}) `{hash}`\n");
    }
    text
}

fn markdown(table: &PageTable) -> String {
    let row = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = format!("{}\n\n", table.caption);
    text += &row(&mut table.headings.iter().map(|heading| cell(heading)));
    text += &row(&mut table.headings.iter().map(|_| "---".to_owned()));
    for cells in &table.rows {
        text += &row(&mut cells.iter().map(|text| cell(text)));
    }
    text + "\n"
}

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn listed(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}

/// The hash of each table.
fn hashes(claim: &Claim, place: &Path) -> Result<Vec<(String, String)>, ClaimsError> {
    let hash = |sheet: &Sheet| {
        let name = format!("{}.csv", sheet.name);
        let path = place.join(&name);
        let bytes = fs::read(&path).map_err(RunsError::io(&path))?;
        Ok((name, fingerprint(&bytes)))
    };
    claim.sheets.iter().map(hash).collect()
}
