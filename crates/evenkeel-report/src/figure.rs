//! What a figure shows, apart from how it is drawn.

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// File name without ending.
    pub name: String,
    /// The title within the figure.
    pub title: String,
    /// What to see in it, for the page and for those who cannot see it.
    pub caption: String,
    /// The run it belongs to; `None` when it compares runs.
    pub run: Option<usize>,
    /// What it shows.
    pub content: Content,
}

impl Figure {
    /// Series over steps that belong to no single run.
    pub fn over_steps(
        name: &str,
        title: &str,
        caption: &str,
        (y, log): (&str, bool),
        series: Vec<Series>,
    ) -> Self {
        let lines = Lines {
            x: "step".to_owned(),
            y: y.to_owned(),
            log,
            log_x: false,
            series,
        };
        Self::of_lines(name, title, caption, lines)
    }

    /// Series over a common axis that belong to no single run.
    pub fn of_lines(name: &str, title: &str, caption: &str, lines: Lines) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            caption: caption.to_owned(),
            run: None,
            content: Content::Lines(lines),
        }
    }
}

/// What a figure shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Series over a common axis.
    Lines(Lines),
    /// Values over two axes.
    Heatmap(Heatmap),
}

/// Series over a common axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// The horizontal axis.
    pub x: String,
    /// The vertical axis.
    pub y: String,
    /// Whether the vertical axis is logarithmic; points are given as they are.
    pub log: bool,
    /// Whether the horizontal axis is.
    pub log_x: bool,
    /// The series, drawn in this order.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is, for the legend; without a label it is left out there.
    pub label: String,
    /// The points; not-finite ones, and those at or below 0 on a logarithmic axis, break no line
    /// but are passed over.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub color: Color,
    /// How the line is drawn, so that colour is not all that tells lines apart.
    pub stroke: Stroke,
}

/// The colour of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Color {
    /// One of the palette, to tell a few lines apart.
    Palette(usize),
    /// A place between the first (0) and the last (1) of many lines in order.
    Scale(f64),
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Measured.
    Solid,
    /// Predicted.
    Dashed,
    /// Something to compare with.
    Dotted,
    /// Single measurements, without a line.
    Points,
    /// What lies within is likely: the points go around an area, which is filled.
    Area,
}

impl Series {
    /// A band between two lines over the same axis.
    pub fn band(label: &str, color: Color, points: impl Iterator<Item = (f64, f64, f64)>) -> Self {
        let points: Vec<(f64, f64, f64)> = points.collect();
        let low = points.iter().map(|(x, low, _)| (*x, *low));
        let back = points.iter().rev().map(|(x, _, high)| (*x, *high));
        Self {
            label: label.to_owned(),
            points: low.chain(back).collect(),
            color,
            stroke: Stroke::Area,
        }
    }
}

/// Values over two axes that are divided evenly.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// The horizontal axis.
    pub x: Division,
    /// The vertical axis.
    pub y: Division,
    /// A column for each part of `x`, a value for each part of `y`; `None` where there is none.
    pub columns: Vec<Vec<Option<f64>>>,
    /// The values at the ends of the colour scale.
    pub range: (f64, f64),
    /// What the colours mean.
    pub legend: String,
}

/// An axis divided into parts of equal width.
#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    /// What it shows, with its unit.
    pub label: String,
    /// Where the first part begins.
    pub start: f64,
    /// The width of each part.
    pub width: f64,
}

impl Division {
    /// Where part `index` begins.
    pub fn at(&self, index: usize) -> f64 {
        self.start + self.width * index as f64
    }
}
