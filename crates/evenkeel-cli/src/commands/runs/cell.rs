//! Values of runs for people: few digits, and nothing that could move a terminal's cursor.

use evenkeel_runs::difference::ABSENT;
use evenkeel_runs::index::column::Column;
use evenkeel_runs::value::Value;

/// Characters shown of a text from a file.
const MOST: usize = 60;

/// A value in a table.
pub fn cell(column: &Column, value: &Value) -> String {
    match value {
        Value::Missing => ABSENT.to_owned(),
        Value::Text(text) => tame(text),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => number(column.name, *value),
    }
}

/// A number with the digits that its column is good for.
pub fn number(column: &str, value: f64) -> String {
    match column {
        "initial_spread" | "final_spread" => format!("{value:.2}"),
        "final_loss" | "best_accuracy" | "test_accuracy" => format!("{value:.3}"),
        _ if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value}"),
        "lr" => format!("{value:?}"),
        _ => format!("{value:.1}"),
    }
}

/// Text on one line, with what cannot be seen escaped.
pub fn tame(text: &str) -> String {
    let mut shown = String::new();
    for (place, character) in text.chars().enumerate() {
        match character {
            _ if place == MOST => return shown + "…",
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}
