//! Reports: what runs measured and what the theory forecast, as one page and as figures.

mod canvas;
mod draw;
pub mod error;
pub mod figure;
mod heatmap;
mod hover;
mod page;
mod plots;
mod theme;
mod ticks;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::file::write_atomically;
use evenkeel_runs::folder::Run;
use evenkeel_runs::tensorboard;

use crate::error::ReportError;
use figure::Figure;

/// The page with everything.
const PAGE: &str = "report.html";

/// What a report can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page, `report.html`.
    Html,
    /// Vector figures, `figures/NAME.svg`.
    Svg,
    /// Bitmap figures, `figures/NAME.png`.
    Png,
    /// Numbers over steps, `tensorboard/` in the folder of each run.
    TensorBoard,
}

/// Every format with its name.
pub const FORMATS: &[(&str, Format)] = &[
    ("html", Format::Html),
    ("svg", Format::Svg),
    ("png", Format::Png),
    ("tensorboard", Format::TensorBoard),
];

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(text: &str) -> Result<Self, ReportError> {
        let found = FORMATS.iter().find(|(name, _)| *name == text);
        let format = found.map(|(_, format)| *format);
        format.ok_or_else(|| unknown(text, |_| true))
    }
}

/// The error that `text` is none of the formats that are permitted.
fn unknown(text: &str, permitted: fn(Format) -> bool) -> ReportError {
    let rows = FORMATS.iter().filter(|(_, format)| permitted(*format));
    let names: Vec<&str> = rows.map(|(name, _)| *name).collect();
    ReportError::UnknownFormat {
        given: text.to_owned(),
        permitted: names.join(", "),
    }
}

/// Whether a format has figures of any kind in it.
fn is_drawn(format: Format) -> bool {
    format != Format::TensorBoard
}

/// Writes figures that belong to no run into one file, one below the other; its ending, `.html`,
/// `.svg` or `.png`, says how.
///
/// # Errors
/// [`ReportError::UnknownFormat`] for another ending, [`ReportError::Figure`] or [`RunsError::Io`].
pub fn plot(path: &Path, title: &str, figures: &[Figure]) -> Result<(), ReportError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default();
    let bytes = match ending.parse() {
        Ok(Format::Html) => page::of_figures(title, figures)?.into_bytes(),
        Ok(Format::Svg) => draw::svg(figures)?.into_bytes(),
        Ok(Format::Png) => draw::png(figures)?,
        Ok(Format::TensorBoard) | Err(_) => {
            return Err(unknown(ending, is_drawn));
        }
    };
    Ok(write_atomically(path, &bytes)?)
}

/// A figure as SVG.
///
/// # Errors
/// [`ReportError::Figure`].
pub fn svg(figure: &Figure) -> Result<String, ReportError> {
    draw::svg(std::slice::from_ref(figure))
}

/// Writes the report of `runs` into `folder` and returns the files written.
///
/// One run is reported by itself, several are compared.
///
/// # Errors
/// [`ReportError::Figure`] or [`RunsError::Io`]; every file but events is written whole or not at all.
/// [`RunsError::FolderLocked`] for events of a run that trains.
pub fn write(folder: &Path, runs: &[Run], formats: &[Format]) -> Result<Vec<PathBuf>, ReportError> {
    let figures = plots::all(runs);
    let mut written = Vec::new();
    if formats.contains(&Format::Html) {
        let path = folder.join(PAGE);
        write_atomically(&path, page::html(runs, &figures)?.as_bytes())?;
        written.push(path);
    }
    written.extend(draw(folder, &figures, formats)?);
    if formats.contains(&Format::TensorBoard) {
        for run in runs {
            written.push(tensorboard::write(run)?);
        }
    }
    Ok(written)
}

/// Writes figures that belong to no run into `folder`, as [`write()`] does, and returns the files written.
///
/// # Errors
/// [`ReportError::UnknownFormat`] for a format that has no figures, [`ReportError::Figure`] or [`RunsError::Io`].
pub fn write_figures(
    folder: &Path,
    title: &str,
    figures: &[Figure],
    formats: &[Format],
) -> Result<Vec<PathBuf>, ReportError> {
    if formats.contains(&Format::TensorBoard) {
        return Err(unknown("tensorboard", is_drawn));
    }
    let mut written = Vec::new();
    if formats.contains(&Format::Html) {
        let path = folder.join(PAGE);
        plot(&path, title, figures)?;
        written.push(path);
    }
    written.extend(draw(folder, figures, formats)?);
    Ok(written)
}

/// Each figure in each format that is one file a figure.
fn draw(
    folder: &Path,
    figures: &[Figure],
    formats: &[Format],
) -> Result<Vec<PathBuf>, ReportError> {
    let place = folder.join("figures");
    let mut written = Vec::new();
    let of_one = [Format::Svg, Format::Png];
    let asked = |format: &Format| of_one.contains(format) && formats.contains(format);
    for (ending, _) in FORMATS.iter().filter(|(_, format)| asked(format)) {
        std::fs::create_dir_all(&place).map_err(RunsError::io(&place))?;
        for figure in figures {
            let path = place.join(format!("{}.{ending}", figure.name));
            plot(&path, &figure.title, std::slice::from_ref(figure))?;
            written.push(path);
        }
    }
    Ok(written)
}
