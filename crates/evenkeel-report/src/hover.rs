//! What a page needs to say which point is under the pointer.

use serde::Serialize;

use crate::figure::Lines;
use crate::plots::thinned;

/// Points of a line that can be pointed at.
const MOST_POINTS: usize = 150;

/// Where the axes of a drawing are, in its units, and what they span: logarithms to base 10 on a
/// logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Axes {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub log_x: bool,
    pub log_y: bool,
}

#[derive(Serialize)]
struct Hover<'a> {
    axes: Axes,
    x: &'a str,
    y: &'a str,
    series: Vec<(&'a str, Vec<(f64, f64)>)>,
}

/// The lines of a figure as JSON, for the page's script.
pub fn json(lines: &Lines, axes: Axes) -> String {
    let series = lines.series.iter().map(|series| {
        let points = thinned(&series.points, MOST_POINTS);
        let finite = points.filter(|(x, y)| x.is_finite() && y.is_finite());
        let short = finite.map(|(x, y)| (rounded(*x), rounded(*y)));
        (series.label.as_str(), short.collect())
    });
    let hover = Hover {
        axes,
        x: &lines.x,
        y: &lines.y,
        series: series.collect(),
    };
    // Numbers and words always become JSON.
    serde_json::to_string(&hover).expect("numbers and texts serialise")
}

fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
