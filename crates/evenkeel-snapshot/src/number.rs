//! From the text of a cell to a quantity, or to the reason why not.

use evenkeel::quantity::{Elr, GradientNorm, GradientScale, LearningRate, PeakShare, WeightNorm};

use crate::cells::Cells;
use crate::column::Column;
use crate::error::SnapshotError;
use crate::place::At;

const POSITIVE: &str = "finite and above 0";
const FLOAT: &str = "0.25 or 2.5e-3";
const WHOLE: &str = "a whole number from 1 to 2^64 - 1";
const COUNT: &str = "4096";

pub(crate) fn weight_norm(cells: &Cells, at: At) -> Result<Option<WeightNorm>, SnapshotError> {
    quantity(cells, Column::WeightNorm, at, |value| {
        WeightNorm::new(value).ok()
    })
}

pub(crate) fn elr(cells: &Cells, at: At) -> Result<Option<Elr>, SnapshotError> {
    quantity(cells, Column::Elr, at, |value| Elr::new(value).ok())
}

/// Zero is a gradient norm, but no ELR follows from it.
pub(crate) fn gradient_norm(cells: &Cells, at: At) -> Result<Option<GradientNorm>, SnapshotError> {
    quantity(cells, Column::GradNorm, at, |value| {
        GradientNorm::new(value)
            .ok()
            .filter(|norm| norm.get() > 0.0)
    })
}

pub(crate) fn cosine(cells: &Cells, at: At) -> Result<Option<f64>, SnapshotError> {
    quantity(cells, Column::Cosine, at, |value| {
        (-1.0..=1.0).contains(&value).then_some(value)
    })
}

pub(crate) fn lr(cells: &Cells, at: At) -> Result<Option<LearningRate>, SnapshotError> {
    quantity(cells, Column::Lr, at, |value| LearningRate::new(value).ok())
}

pub(crate) fn share(cells: &Cells, at: At) -> Result<Option<PeakShare>, SnapshotError> {
    quantity(cells, Column::Share, at, |value| PeakShare::new(value).ok())
}

/// Zero is a scale, but none to be measured against the first.
pub(crate) fn scale(cells: &Cells, at: At) -> Result<Option<GradientScale>, SnapshotError> {
    quantity(cells, Column::Scale, at, |value| {
        GradientScale::new(value)
            .ok()
            .filter(|scale| scale.get() > 0.0)
    })
}

/// Refuses a step that is not the one its row should have, if there is such a column.
pub(crate) fn check_step(cells: &Cells, at: At, expected: usize) -> Result<(), SnapshotError> {
    if !cells.has(Column::Step) {
        return Ok(());
    }
    let text = cells
        .get(Column::Step)
        .ok_or_else(|| empty(Column::Step, at))?;
    if number(text, Column::Step, at)? == expected as f64 {
        return Ok(());
    }
    Err(SnapshotError::WrongStep {
        place: at.place(),
        value: text.to_string(),
        expected,
    })
}

/// Whole, also where a tool writes whole numbers as floats.
pub(crate) fn numel(cells: &Cells, at: At) -> Result<Option<u64>, SnapshotError> {
    let Some(text) = cells.get(Column::Numel) else {
        return Ok(None);
    };
    let count = match text.parse() {
        Ok(count) => Some(count),
        Err(_) => whole(number(text, Column::Numel, at)?),
    };
    match count.filter(|count| *count > 0) {
        Some(count) => Ok(Some(count)),
        None => Err(out_of_range(Column::Numel, text, at)),
    }
}

/// A float without fraction, within what floats hold exactly.
fn whole(value: f64) -> Option<u64> {
    let exact = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
    exact.then_some(value as u64)
}

fn quantity<T>(
    cells: &Cells,
    column: Column,
    at: At,
    check: impl Fn(f64) -> Option<T>,
) -> Result<Option<T>, SnapshotError> {
    let Some(text) = cells.get(column) else {
        return Ok(None);
    };
    match check(number(text, column, at)?) {
        Some(quantity) => Ok(Some(quantity)),
        None => Err(out_of_range(column, text, at)),
    }
}

fn number(text: &str, column: Column, at: At) -> Result<f64, SnapshotError> {
    text.parse().map_err(|_| SnapshotError::NotANumber {
        place: at.place(),
        column,
        value: text.to_owned(),
        example: match column {
            Column::Numel => COUNT,
            Column::Step => "0",
            _ => FLOAT,
        },
    })
}

/// Says why `text` is outside the range of `column`.
pub(crate) fn out_of_range(column: Column, text: &str, at: At) -> SnapshotError {
    SnapshotError::OutOfRange {
        place: at.place(),
        column,
        value: text.to_owned(),
        permitted: permitted(column),
        advice: advice(column, text.parse().unwrap_or(f64::NAN)),
    }
}

/// A cell that must have a value has none.
pub(crate) fn empty(column: Column, at: At) -> SnapshotError {
    SnapshotError::EmptyValue {
        place: at.place(),
        column,
        permitted: permitted(column),
        advice: match column {
            Column::Step | Column::Lr | Column::Share | Column::Scale => "give every step a number",
            _ => "leave out a layer without norms",
        },
    }
}

/// The range of a column, in words.
fn permitted(column: Column) -> &'static str {
    match column {
        Column::Numel => WHOLE,
        Column::Cosine => "between -1 and 1",
        Column::Step => "a whole number from 0",
        Column::Lr => "finite and at least 0",
        Column::Share => "from 0 to 1",
        _ => POSITIVE,
    }
}

fn advice(column: Column, value: f64) -> &'static str {
    match column {
        Column::Numel => "count the numbers in the weight, or leave the column out",
        Column::Cosine => "compute <W, G>/(|W| |G|), or leave the column out",
        Column::Step => "number the steps from 0 without gaps, or leave the column out",
        Column::Lr => "give the learning rate that the step is to have",
        Column::Share => "divide all rates by the largest, or give them as `lr`",
        Column::Scale => "give a typical gradient norm, or its ratio to that of the first step",
        _ if value < 0.0 => "check the tool that wrote it: no norm is negative",
        _ if !value.is_finite() => {
            "the training has diverged or overflowed: take the norms at an earlier step"
        }
        Column::GradNorm => "without gradient the layer's ELR is 0: leave the layer out",
        Column::WeightNorm => "a zero weight has no direction to turn: leave the layer out",
        _ => "a layer that does not learn has no place in the spread: leave the layer out",
    }
}
