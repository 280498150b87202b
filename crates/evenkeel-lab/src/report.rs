//! Reports: what runs measured and what the theory forecast, as one page and as figures.

mod canvas;
mod draw;
pub mod figure;
mod heatmap;
mod hover;
mod page;
mod plots;
mod theme;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::LabError;
use crate::run_folder::{Run, write_atomically};
use crate::spec::{SpecError, names};
use crate::tensorboard;

use figure::Figure;

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
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let found = FORMATS.iter().find(|(name, _)| *name == text);
        let format = found.map(|(_, format)| *format);
        format.ok_or_else(|| unknown(text, |_| true))
    }
}

/// The error that `text` is none of the formats that are permitted.
fn unknown(text: &str, permitted: fn(Format) -> bool) -> SpecError {
    let rows = FORMATS.iter().filter(|(_, format)| permitted(*format));
    SpecError::Unknown {
        kind: "format",
        given: text.to_owned(),
        permitted: names(rows.map(|(name, _)| *name)),
    }
}

/// Writes figures that belong to no run into one file, one below the other; its ending, `.html`,
/// `.svg` or `.png`, says how.
///
/// # Errors
/// [`SpecError::Unknown`] for another ending, [`LabError::Figure`] or [`LabError::Io`].
pub fn plot(path: &Path, title: &str, figures: &[Figure]) -> Result<(), LabError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default();
    let bytes = match ending.parse() {
        Ok(Format::Html) => page::of_figures(title, figures)?.into_bytes(),
        Ok(Format::Svg) => draw::svg(figures)?.into_bytes(),
        Ok(Format::Png) => draw::png(figures)?,
        Ok(Format::TensorBoard) | Err(_) => {
            let drawn = |format| format != Format::TensorBoard;
            return Err(unknown(ending, drawn).into());
        }
    };
    write_atomically(path, &bytes)
}

/// A figure as SVG.
///
/// # Errors
/// [`LabError::Figure`].
pub fn svg(figure: &Figure) -> Result<String, LabError> {
    draw::svg(std::slice::from_ref(figure))
}

/// Writes the report of `runs` into `folder` and returns the files written.
///
/// One run is reported by itself, several are compared.
///
/// # Errors
/// [`LabError::Figure`] or [`LabError::Io`]; every file but events is written whole or not at all.
/// [`LabError::FolderLocked`] for events of a run that trains.
pub fn write(folder: &Path, runs: &[Run], formats: &[Format]) -> Result<Vec<PathBuf>, LabError> {
    let figures = plots::all(runs);
    let mut written = Vec::new();
    let mut put = |path: PathBuf, bytes: &[u8]| {
        write_atomically(&path, bytes)?;
        written.push(path);
        Ok::<(), LabError>(())
    };
    if formats.contains(&Format::Html) {
        put(
            folder.join("report.html"),
            page::html(runs, &figures)?.as_bytes(),
        )?;
    }
    let place = folder.join("figures");
    if [Format::Svg, Format::Png]
        .iter()
        .any(|format| formats.contains(format))
    {
        std::fs::create_dir_all(&place).map_err(LabError::io(&place))?;
    }
    for figure in &figures {
        let named = |ending: &str| place.join(format!("{}.{ending}", figure.name));
        if formats.contains(&Format::Svg) {
            put(
                named("svg"),
                draw::svg(std::slice::from_ref(figure))?.as_bytes(),
            )?;
        }
        if formats.contains(&Format::Png) {
            put(named("png"), &draw::png(std::slice::from_ref(figure))?)?;
        }
    }
    if formats.contains(&Format::TensorBoard) {
        for run in runs {
            written.push(tensorboard::write(run)?);
        }
    }
    Ok(written)
}
