//! Draws values over steps and layers, with a colour scale.

use plotters::prelude::*;

use super::draw::{Canvas, Drawn, plain};
use super::figure::Heatmap;
use super::theme::{INK, viridis};

/// Shades of the colour scale: neighbours of the same shade are drawn as one rectangle.
const SHADES: f64 = 48.0;

pub fn draw<DB: DrawingBackend>(map: &Heatmap, canvas: &Canvas<DB>) -> Drawn<DB> {
    let layers = map.columns.first().map_or(1, Vec::len).max(1);
    let last = map.steps.last().copied().unwrap_or(0) as f64 + step_width(map);
    let (plot, scale) = canvas.area.split_horizontally(canvas.px(640));
    let mut chart = ChartBuilder::on(&plot)
        .margin_top(canvas.px(44))
        .margin_left(canvas.px(12))
        .margin_bottom(canvas.px(6))
        .x_label_area_size(canvas.px(42))
        .y_label_area_size(canvas.px(66))
        .build_cartesian_2d(0.0..last, 0.0..layers as f64)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("step")
        .y_desc("layer (0 at the input)")
        .x_label_formatter(&|value| plain(*value))
        .y_label_formatter(&|value| plain(*value))
        .axis_style(INK)
        .axis_desc_style(canvas.text(14))
        .label_style(canvas.text(13))
        .draw()?;
    for layer in 0..layers {
        chart.draw_series(
            runs_of_a_shade(map, layer)
                .into_iter()
                .map(|(from, to, shade)| {
                    let corners = [(from, layer as f64), (to, layer as f64 + 1.0)];
                    Rectangle::new(corners, viridis(shade / SHADES).filled())
                }),
        )?;
    }
    draw_scale(map, canvas, &scale)
}

fn step_width(map: &Heatmap) -> f64 {
    match map.steps.as_slice() {
        [first, second, ..] => (second - first) as f64,
        _ => 1.0,
    }
}

/// Neighbouring steps of one layer with the same shade: from, to, shade.
fn runs_of_a_shade(map: &Heatmap, layer: usize) -> Vec<(f64, f64, f64)> {
    let (low, high) = map.range;
    let width = step_width(map);
    let mut runs: Vec<(f64, f64, f64)> = Vec::new();
    for (step, column) in map.steps.iter().zip(&map.columns) {
        let Some(value) = column.get(layer).copied().flatten() else {
            continue;
        };
        let (start, shade) = (
            *step as f64,
            ((value - low) / (high - low) * SHADES).round(),
        );
        match runs.last_mut() {
            Some(run) if run.2 == shade && run.1 >= start => run.1 = start + width,
            _ => runs.push((start, start + width, shade)),
        }
    }
    runs
}

fn draw_scale<DB: DrawingBackend>(
    map: &Heatmap,
    canvas: &Canvas<DB>,
    area: &DrawingArea<DB, plotters::coord::Shift>,
) -> Drawn<DB> {
    let (low, high) = map.range;
    let mut chart = ChartBuilder::on(area)
        .margin_top(canvas.px(44))
        .margin_bottom(canvas.px(48))
        .margin_left(canvas.px(14))
        .margin_right(canvas.px(14))
        .right_y_label_area_size(canvas.px(68))
        .build_cartesian_2d(0.0..1.0, low..high)?
        .set_secondary_coord(0.0..1.0, low..high);
    let height = (high - low) / SHADES;
    chart.draw_series((0..SHADES as usize).map(|shade| {
        let from = low + height * shade as f64;
        let color = viridis((shade as f64 + 0.5) / SHADES);
        Rectangle::new([(0.0, from), (1.0, from + height)], color.filled())
    }))?;
    chart
        .configure_secondary_axes()
        .y_desc(&map.legend)
        .y_label_formatter(&|value| plain(*value))
        .axis_style(INK)
        .axis_desc_style(canvas.text(14))
        .label_style(canvas.text(13))
        .draw()
}
