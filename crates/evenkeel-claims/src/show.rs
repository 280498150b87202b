//! Tables and series over groups of rows: the means over what is left, which is the seeds.

use evenkeel_report::figure::{Color, Series, Stroke};

use crate::finding::PageTable;
use crate::statistics::mean;
use crate::table::{Row, groups, numbers};

/// A row for each group, with the mean and its interval of some columns to so many decimals.
pub fn table<'a>(
    caption: &str,
    rows: impl IntoIterator<Item = Row<'a>>,
    keys: &[(&str, &'static str)],
    values: &[(&str, &'static str, usize)],
) -> PageTable {
    let columns: Vec<&str> = keys.iter().map(|key| key.0).collect();
    let cells = |(mut cells, rows): (Vec<String>, Vec<Row>)| {
        let means = values
            .iter()
            .map(|(column, _, decimals)| mean(&numbers(&rows, column)).told(*decimals));
        cells.extend(means);
        cells
    };
    PageTable {
        caption: format!("{caption} Mean and 95 % interval over seeds."),
        headings: keys
            .iter()
            .map(|key| key.1)
            .chain(values.iter().map(|value| value.1))
            .collect(),
        rows: groups(rows, &columns).into_iter().map(cells).collect(),
    }
}

/// A line for each group, through the means of `y` at each `x`.
pub fn curves<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    by: &[&str],
    (x, y): (&str, &str),
    label: impl Fn(&[String]) -> String,
) -> Vec<Series> {
    let groups = groups(rows, by).into_iter().enumerate();
    let series =
        groups.map(|(index, (key, rows))| nth_line(index, &label(&key), means(&rows, x, y)));
    series.collect()
}

/// The mean of `y` at each `x`, in the order of `x`.
pub fn means(rows: &[Row], x: &str, y: &str) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = groups(rows.iter().copied(), &[x])
        .into_iter()
        .map(|(_, rows)| (rows[0].number(x), mean(&numbers(&rows, y)).value))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// One of several lines: each in a colour of its own while there are any, then again with another stroke.
pub fn nth_line(index: usize, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    let stroke = [Stroke::Solid, Stroke::Dashed, Stroke::Dotted][index / 7 % 3];
    line(label, index % 7, stroke, points)
}

/// A line in a colour of the palette.
pub fn line(
    label: &str,
    color: usize,
    stroke: Stroke,
    points: impl IntoIterator<Item = (f64, f64)>,
) -> Series {
    Series {
        label: label.to_owned(),
        color: Color::Palette(color),
        stroke,
        points: points.into_iter().collect(),
    }
}

/// Single measurements.
pub fn points(label: &str, color: usize, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    line(label, color, Stroke::Points, points)
}

/// A dashed line in grey, to compare with.
pub fn reference(label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    line(label, 6, Stroke::Dashed, points)
}

/// A dashed line without a label of its own: what was foretold of the line or points of that colour.
pub fn foretold(color: usize, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    line("", color, Stroke::Dashed, points)
}
