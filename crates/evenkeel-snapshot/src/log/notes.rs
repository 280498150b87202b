//! What a log says less well than it could.

use std::collections::BTreeSet;

use evenkeel::quote::quote_all;

use crate::log::layers::{Layer, Value};
use crate::log::tag::Quantity;

/// A norm that is known less exactly than this is named.
const UNSURE: f64 = 0.05;

/// Says why update norms do not count, where there are some.
pub(crate) fn note_updates(layers: &[Layer], rate: &Layer, step: u64, notes: &mut Vec<String>) {
    let has = |layer: &&Layer| matches!(layer.at(Quantity::Update, step), Value::Known(_));
    let logged = layers.iter().filter(has).count();
    let why = match (logged, rate.at(Quantity::Rate, step)) {
        (0, _) => return,
        (count, _) if count < layers.len() => "not every layer has one at this step",
        (_, Value::Missing) => "the log has no learning rate at this step to divide them by",
        (_, Value::Conflict(_)) => "the log has several learning rates at this step",
        (_, Value::Known(_)) => return,
    };
    notes.push(format!("update norms do not count: {why}"));
}

/// Names the layers whose norms are written with so few decimals that their ELRs are unsure.
pub(crate) fn note_rounding(layers: &[Layer], step: u64, notes: &mut Vec<String>) {
    for quantity in [Quantity::Weight, Quantity::Gradient] {
        let Some(decimals) = decimals(layers, quantity, step) else {
            continue;
        };
        let half = 0.5 * 10f64.powi(-i32::from(decimals));
        let unsure = |layer: &&Layer| match layer.at(quantity, step) {
            Value::Known(point) => half / point.value >= UNSURE,
            _ => false,
        };
        let unsure: Vec<&Layer> = layers.iter().filter(unsure).collect();
        if !unsure.is_empty() {
            notes.push(format!(
                "{} is rounded to {decimals} decimals, which leaves less than one and a half digits for {}: log all digits",
                quantity.name(),
                quote_all(unsure.iter().map(|layer| &layer.name))
            ));
        }
    }
}

/// Names the layers that sound like gains and biases of normalizations, whose scale matters.
pub(crate) fn note_gains(layers: &[Layer], notes: &mut Vec<String>) {
    let gains: Vec<&Layer> = layers.iter().filter(|layer| is_gain(&layer.name)).collect();
    if !gains.is_empty() && gains.len() < layers.len() {
        notes.push(format!(
            "{} sound like gains or biases, which are not scale-invariant: skip them if they are",
            quote_all(gains.iter().map(|layer| &layer.name))
        ));
    }
}

fn is_gain(name: &str) -> bool {
    let mut parts = name.rsplit(['.', '/']);
    let (last, owner) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let owner = owner.trim_end_matches(|c: char| c.is_ascii_digit());
    let normalizes = ["norm", "_ln", "layernorm"]
        .iter()
        .any(|end| owner.to_ascii_lowercase().ends_with(end))
        || ["bn", "ln", "ln_", "gn"].contains(&owner);
    (!owner.is_empty() && matches!(last, "bias" | "b" | "gain"))
        || (normalizes && matches!(last, "weight" | "scale" | "gamma" | "beta"))
}

/// The decimals with which every layer's norm is written, where they are the same for all.
pub(crate) fn decimals(layers: &[Layer], quantity: Quantity, step: u64) -> Option<u8> {
    let written = layers.iter().map(|layer| match layer.at(quantity, step) {
        Value::Known(point) => point.decimals,
        _ => None,
    });
    let written: BTreeSet<Option<u8>> = written.collect();
    match written.first() {
        Some(Some(decimals)) if written.len() == 1 && layers.len() > 1 && *decimals > 1 => {
            Some(*decimals)
        }
        _ => None,
    }
}
