//! Draws figures, as SVG and as PNG, from the same code.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::register_font;

use crate::canvas::Canvas;
use crate::error::ReportError;
use crate::figure::{Content, Figure, Lines, Series, Stroke};
use crate::heatmap;
use crate::hover::Axes;
use crate::theme::{self, FONT, GRID, INK, SURFACE};
use crate::ticks::Ticks;

const WIDTH: u32 = 760;
const HEIGHT: u32 = 400;
/// Pixels of a PNG for each unit of the drawing, for sharp print.
const PNG_SCALE: u32 = 2;

/// Points from which on a line is drawn thinner, so that its noise does not hide the others.
const DENSE: usize = 150;

/// The figures as SVG, one below the other.
pub fn svg(figures: &[Figure]) -> Result<String, ReportError> {
    let mut text = String::new();
    let size = (WIDTH, HEIGHT * figures.len() as u32);
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw_all(figures, &area, 1)?;
    drop(area);
    Ok(text)
}

/// One figure as SVG, and where its axes are if it has lines.
pub fn svg_with_axes(figure: &Figure) -> Result<(String, Option<Axes>), ReportError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
    let axes = draw(figure, &Canvas::new(area.clone(), 1));
    let axes = axes.map_err(|error| failed(Some(figure), &error))?;
    area.present()
        .map_err(|error| failed(Some(figure), &error))?;
    drop(area);
    Ok((text, axes))
}

/// The figures as PNG, one below the other.
pub fn png(figures: &[Figure]) -> Result<Vec<u8>, ReportError> {
    let height = HEIGHT * figures.len() as u32;
    let size = (WIDTH * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; (size.0 * size.1 * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    draw_all(figures, &area, PNG_SCALE)?;
    drop(area);
    encode(&pixels, size).map_err(|error| failed(figures.first(), &error))
}

fn draw_all<DB: DrawingBackend>(
    figures: &[Figure],
    area: &DrawingArea<DB, Shift>,
    scale: u32,
) -> Result<(), ReportError> {
    let parts = area.split_evenly((figures.len().max(1), 1));
    for (figure, part) in figures.iter().zip(parts) {
        let canvas = Canvas::new(part, scale);
        draw(figure, &canvas).map_err(|error| failed(Some(figure), &error))?;
    }
    // Once: it ends the document.
    area.present()
        .map_err(|error| failed(figures.first(), &error))
}

fn encode(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(bytes)
}

fn failed(figure: Option<&Figure>, problem: &dyn std::fmt::Display) -> ReportError {
    ReportError::Figure {
        figure: figure.map_or(String::new(), |figure| figure.name.clone()),
        problem: problem.to_string(),
    }
}

fn draw<DB: DrawingBackend>(
    figure: &Figure,
    canvas: &Canvas<DB>,
) -> Result<Option<Axes>, DrawingAreaErrorKind<DB::ErrorType>> {
    static FONT_READY: Once = Once::new();
    FONT_READY.call_once(|| {
        // A font that cannot be registered shows as FontUnavailable in the drawing's own error.
        let _ = register_font(FONT, FontStyle::Normal, theme::FONT_FILE);
    });
    canvas.area.fill(&SURFACE)?;
    let at = (canvas.px(16) as i32, canvas.px(12) as i32);
    canvas
        .area
        .draw(&Text::new(figure.title.clone(), at, canvas.text(18)))?;
    match &figure.content {
        Content::Lines(lines) => draw_lines(lines, canvas).map(Some),
        Content::Heatmap(map) => heatmap::draw(map, canvas).map(|()| None),
    }
}

/// Axes are drawn over log10 for a logarithmic scale.
fn on_axes(lines: &Lines, series: &Series) -> Vec<(f64, f64)> {
    let transform = |log: bool, value: f64| if log { value.log10() } else { value };
    series
        .points
        .iter()
        .map(|(x, y)| (transform(lines.log_x, *x), transform(lines.log, *y)))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect()
}

fn draw_lines<DB: DrawingBackend>(
    lines: &Lines,
    canvas: &Canvas<DB>,
) -> Result<Axes, DrawingAreaErrorKind<DB::ErrorType>> {
    let curves: Vec<Vec<(f64, f64)>> = lines.series.iter().map(|s| on_axes(lines, s)).collect();
    let (x, y) = (
        extent(curves.iter().flatten().map(|p| p.0), margin(lines)),
        extent(curves.iter().flatten().map(|p| p.1), 0.06),
    );
    let top = legend(&lines.series, canvas)?;
    let mut chart = ChartBuilder::on(&canvas.area)
        .margin_top(top)
        .margin_left(canvas.px(12))
        .margin_right(canvas.px(18))
        .margin_bottom(canvas.px(6))
        .x_label_area_size(canvas.px(42))
        .y_label_area_size(canvas.px(66))
        .build_cartesian_2d(Ticks::on(x, lines.log_x, 8), Ticks::on(y, lines.log, 7))?;
    chart
        .configure_mesh()
        .x_desc(&lines.x)
        .y_desc(&lines.y)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .axis_desc_style(canvas.text(14))
        .label_style(canvas.text(13))
        .draw()?;
    for (series, curve) in lines.series.iter().zip(curves) {
        let thickness = if curve.len() > DENSE { 1 } else { 2 };
        let style = theme::color(series.color).stroke_width(canvas.px(thickness));
        let (dash, gap) = pattern(series.stroke, canvas);
        match series.stroke {
            Stroke::Solid => chart.draw_series(LineSeries::new(curve, style))?,
            Stroke::Area => chart.draw_series([Polygon::new(curve, filling(series))])?,
            Stroke::Points => {
                let dot = theme::color(series.color).mix(0.7).filled();
                let radius = canvas.px(2) as i32;
                chart.draw_series(curve.into_iter().map(|at| Circle::new(at, radius, dot)))?
            }
            _ => chart.draw_series(DashedLineSeries::new(curve, dash, gap, style))?,
        };
    }
    let (across, down) = chart.plotting_area().get_pixel_range();
    Ok(Axes {
        left: across.start.into(),
        right: across.end.into(),
        top: down.start.into(),
        bottom: down.end.into(),
        x,
        y,
        log_x: lines.log_x,
        log_y: lines.log,
    })
}

/// Points need room beside them that lines from edge to edge do not.
fn margin(lines: &Lines) -> f64 {
    let points = |series: &Series| series.stroke == Stroke::Points;
    if lines.series.iter().any(points) {
        0.03
    } else {
        0.0
    }
}

/// Light enough for lines to be seen on it.
fn filling(series: &Series) -> ShapeStyle {
    theme::color(series.color).mix(0.2).filled()
}

/// Lengths of dashes and gaps in pixels.
fn pattern<DB: DrawingBackend>(stroke: Stroke, canvas: &Canvas<DB>) -> (u32, u32) {
    match stroke {
        Stroke::Solid | Stroke::Area | Stroke::Points => (1, 0),
        Stroke::Dashed => (canvas.px(9), canvas.px(5)),
        Stroke::Dotted => (canvas.px(2), canvas.px(4)),
    }
}

/// Draws the legend in rows below the title and returns where it ends.
fn legend<DB: DrawingBackend>(
    series: &[Series],
    canvas: &Canvas<DB>,
) -> Result<u32, DrawingAreaErrorKind<DB::ErrorType>> {
    let style = canvas.text(13);
    let (left, sample, space) = (
        canvas.px(16) as i32,
        canvas.px(28) as i32,
        canvas.px(8) as i32,
    );
    let (mut x, mut y) = (left, canvas.px(42) as i32);
    for entry in series.iter().filter(|entry| !entry.label.is_empty()) {
        let (width, height) = canvas.area.estimate_text_size(&entry.label, &style)?;
        let needed = sample + space + width as i32;
        if x > left && x + needed > canvas.px(WIDTH - 16) as i32 {
            (x, y) = (left, y + canvas.px(20) as i32);
        }
        let line = vec![
            (x, y + height as i32 / 2),
            (x + sample, y + height as i32 / 2),
        ];
        let stroke = theme::color(entry.color).stroke_width(canvas.px(2));
        let (dash, gap) = pattern(entry.stroke, canvas);
        match entry.stroke {
            Stroke::Solid => canvas.area.draw(&PathElement::new(line, stroke))?,
            Stroke::Points => {
                let middle = (x + sample / 2, y + height as i32 / 2);
                let dot = theme::color(entry.color).filled();
                canvas.area.draw(&Circle::new(middle, canvas.px(3), dot))?;
            }
            Stroke::Area => {
                let broad = filling(entry).stroke_width(canvas.px(10));
                canvas.area.draw(&PathElement::new(line, broad))?;
            }
            _ => canvas
                .area
                .draw(&DashedPathElement::new(line, dash, gap, stroke))?,
        }
        let at = (x + sample + space, y);
        canvas
            .area
            .draw(&Text::new(entry.label.clone(), at, style.clone()))?;
        x += needed + 2 * space;
    }
    Ok(y as u32 + canvas.px(28))
}

/// The range of values with a margin, never empty.
fn extent(values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match high - low {
        width if width > 0.0 => (low - margin * width, high + margin * width),
        _ if low.is_finite() => (low - 0.5, high + 0.5),
        _ => (0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_never_empty() {
        assert_eq!(extent([].into_iter(), 0.1), (0.0, 1.0));
        assert_eq!(extent([2.0].into_iter(), 0.1), (1.5, 2.5));
    }
}
