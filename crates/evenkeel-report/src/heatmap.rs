//! Draws values over two axes, with a colour scale.

use plotters::prelude::*;

use crate::canvas::{Canvas, Drawn, plain};
use crate::figure::Heatmap;
use crate::theme::{INK, viridis};

/// Shades of the colour scale: neighbours of the same shade are drawn as one rectangle.
const SHADES: f64 = 48.0;

pub fn draw<DB: DrawingBackend>(map: &Heatmap, canvas: &Canvas<DB>) -> Drawn<DB> {
    let rows = map.columns.first().map_or(1, Vec::len).max(1);
    let columns = map.columns.len().max(1);
    let (plot, scale) = canvas.area.split_horizontally(canvas.px(640));
    let mut chart = ChartBuilder::on(&plot)
        .margin_top(canvas.px(44))
        .margin_left(canvas.px(12))
        .margin_bottom(canvas.px(6))
        .x_label_area_size(canvas.px(42))
        .y_label_area_size(canvas.px(66))
        .build_cartesian_2d(map.x.start..map.x.at(columns), map.y.start..map.y.at(rows))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(&map.x.label)
        .y_desc(&map.y.label)
        .x_label_formatter(&|value| plain(*value))
        .y_label_formatter(&|value| plain(*value))
        .axis_style(INK)
        .axis_desc_style(canvas.text(14))
        .label_style(canvas.text(13))
        .draw()?;
    for row in 0..rows {
        chart.draw_series(
            runs_of_a_shade(map, row)
                .into_iter()
                .map(|(from, to, shade)| {
                    let corners = [
                        (map.x.at(from), map.y.at(row)),
                        (map.x.at(to), map.y.at(row + 1)),
                    ];
                    Rectangle::new(corners, viridis(shade / SHADES).filled())
                }),
        )?;
    }
    draw_scale(map, canvas, &scale)
}

/// Neighbouring columns of one row with the same shade: from, to, shade.
fn runs_of_a_shade(map: &Heatmap, row: usize) -> Vec<(usize, usize, f64)> {
    let (low, high) = map.range;
    let mut runs: Vec<(usize, usize, f64)> = Vec::new();
    for (index, column) in map.columns.iter().enumerate() {
        let Some(value) = column.get(row).copied().flatten() else {
            continue;
        };
        let shade = ((value - low) / (high - low) * SHADES).round();
        match runs.last_mut() {
            Some(run) if run.2 == shade && run.1 == index => run.1 = index + 1,
            _ => runs.push((index, index + 1, shade)),
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
