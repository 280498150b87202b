//! The folder of a run of evenkeel: `run.toml` names the layers, `layers.jsonl` has their norms.

use serde::Deserialize;

use crate::format::{Format, Input};
use crate::log::cell::Cell;
use crate::log::error::LogError;
use crate::log::points::Points;
use crate::log::source::{RUN_HEADER, Source};
use crate::log::suffix::Suffix;
use crate::log::tag::{Meaning, Quantity};

pub(super) const FORMAT: Format = Format {
    name: "run folder",
    written_by: "evenkeel train",
    shape: "`run.toml` and `layers.jsonl`; a folder of several is chosen from by the run's name",
    unit: "line",
    is: |input| input.source.is_run,
    read,
};

#[derive(Deserialize)]
struct Header {
    layers: Vec<LayerHeader>,
}

#[derive(Deserialize)]
struct LayerHeader {
    name: String,
    shape: Vec<u64>,
}

#[derive(Deserialize)]
struct Line {
    step: u64,
    weight_norm: Vec<f64>,
    grad_norm: Vec<f64>,
    cosine: Vec<f64>,
}

#[derive(Deserialize)]
struct StepLine {
    step: u64,
    lr: f64,
}

fn read(input: &Input, points: &mut Points) -> Result<(), LogError> {
    let run = input.source.below.as_deref();
    let header = text(input, RUN_HEADER)?;
    let header: Header = toml::from_str(&header).map_err(|error| LogError::Malformed {
        name: input.source.path.join(RUN_HEADER).display().to_string(),
        unit: "line",
        number: 1,
        problem: error.message().to_owned(),
    })?;
    let mut series = |quantity: Quantity, layer: &str| {
        let meaning = Meaning {
            quantity,
            layer: layer.to_owned(),
            suffix: Suffix::Bare,
        };
        points.series_of(run, &format!("{}/{layer}", quantity.name()), meaning)
    };
    let quantities = [
        Quantity::Weight,
        Quantity::Gradient,
        Quantity::Cosine,
        Quantity::Numel,
    ];
    let layers: Vec<[usize; 4]> = header
        .layers
        .iter()
        .map(|layer| quantities.map(|quantity| series(quantity, &layer.name)))
        .collect();
    let rate = series(Quantity::Rate, "");
    let mut first = true;
    each_line(input, "layers.jsonl", |line: Line, number| {
        let arrays = [&line.weight_norm, &line.grad_norm, &line.cosine];
        if arrays.iter().any(|array| array.len() != layers.len()) {
            return Err(format!(
                "an array has not the {} layers of {RUN_HEADER}",
                layers.len()
            ));
        }
        for (index, (series, layer)) in layers.iter().zip(&header.layers).enumerate() {
            for (series, array) in series.iter().zip(arrays) {
                let cell = Cell::Number(array[index], None);
                points
                    .push(*series, line.step, cell, number)
                    .map_err(|error| error.to_string())?;
            }
            if first {
                let numel = layer.shape.iter().map(|side| *side as f64).product();
                let cell = Cell::Number(numel, None);
                points
                    .push(series[3], line.step, cell, number)
                    .map_err(|error| error.to_string())?;
            }
        }
        first = false;
        Ok(())
    })?;
    each_line(input, "steps.jsonl", |line: StepLine, number| {
        let cell = Cell::Number(line.lr, None);
        points
            .push(rate, line.step, cell, number)
            .map_err(|error| error.to_string())
    })
}

fn text(input: &Input, file: &str) -> Result<String, LogError> {
    let source = Source {
        name: input.source.path.join(file).display().to_string(),
        path: input.source.path.join(file),
        ..input.source.clone()
    };
    let bytes = source.bytes(&input.limits)?;
    String::from_utf8(bytes).map_err(|_| LogError::NotText {
        name: source.name,
        readable: crate::format::names(),
    })
}

/// Reads each line that is whole: a run that was killed may end within one.
fn each_line<T: for<'de> Deserialize<'de>>(
    input: &Input,
    file: &str,
    mut see: impl FnMut(T, usize) -> Result<(), String>,
) -> Result<(), LogError> {
    let text = text(input, file)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for (index, line) in whole.lines().enumerate() {
        let read = serde_json::from_str(line).map_err(|error| error.to_string());
        read.and_then(|line| see(line, index + 1))
            .map_err(|problem| LogError::Malformed {
                name: input.source.path.join(file).display().to_string(),
                unit: "line",
                number: index + 1,
                problem,
            })?;
    }
    Ok(())
}
