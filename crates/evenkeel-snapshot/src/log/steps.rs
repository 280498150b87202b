//! The step that counts, and why another does not.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel::quote::quote_all;

use crate::log::choice::{Choice, needs};
use crate::log::error::LogError;
use crate::log::layers::{Layer, Value};
use crate::log::notes::decimals;
use crate::log::points::Point;
use crate::log::tag::Quantity;

impl Choice<'_> {
    /// The step that was asked for, or the first with all norms.
    pub(super) fn step(&self, layers: &[Layer], notes: &mut Vec<String>) -> Result<u64, LogError> {
        let states = States::of(layers);
        let chosen = match self.options.step {
            Some(step) => states.whole.contains(&step).then_some(step),
            None => states.whole.first().copied(),
        };
        let Some(step) = chosen else {
            return Err(self.no_step(layers, &states));
        };
        let passed = |wanted: &u64| states.logged.get(wanted) == Some(&layers.len());
        let before = states
            .logged
            .keys()
            .copied()
            .filter(|earlier| *earlier < step);
        let before: Vec<u64> = before.filter(passed).collect();
        if self.options.step.is_none()
            && let Some(first) = before.first()
        {
            let bad = Bad::at(layers, *first);
            notes.push(format!(
                "took step {step}: at step {first} {} of {} is {}",
                bad.quantity.name(),
                bad.layers,
                bad.value
            ));
        }
        self.refuse_conflicts(layers, step)?;
        Ok(step)
    }

    fn no_step(&self, layers: &[Layer], states: &States) -> LogError {
        let all_logged = |step: &u64| states.logged.get(step) == Some(&layers.len());
        let wanted = self.options.step;
        let looked_at = match wanted {
            Some(step) => Some(step).filter(all_logged),
            None => states.logged.keys().copied().find(all_logged),
        };
        if let Some(step) = looked_at {
            return Bad::at(layers, step).error(self.names, step, states, wanted.is_some());
        }
        LogError::NoStep {
            names: self.names.to_owned(),
            layers: layers.len(),
            at: wanted.map_or("one step".to_owned(), |step| format!("step {step}")),
            there: states.there(layers, wanted),
        }
    }

    fn refuse_conflicts(&self, layers: &[Layer], step: u64) -> Result<(), LogError> {
        for layer in layers {
            for quantity in needs(layer).unwrap_or_default() {
                if let Value::Conflict([first, second]) = layer.at(*quantity, step) {
                    let origin = |(point, series): (Point, usize)| {
                        self.points
                            .origin(&self.points.series[series], &point)
                            .to_string()
                    };
                    return Err(LogError::Conflict {
                        quantity: quantity.name(),
                        layer: layer.name.clone(),
                        step,
                        values: (first.0.value, second.0.value),
                        first: origin(first),
                        second: origin(second),
                    });
                }
            }
        }
        Ok(())
    }
}

/// At which steps layers have their norms.
struct States {
    /// Steps with usable norms of all layers.
    whole: BTreeSet<u64>,
    /// How many layers have all their norms at a step, usable or not.
    logged: BTreeMap<u64, usize>,
}

impl States {
    fn of(layers: &[Layer]) -> Self {
        let mut usable: BTreeMap<u64, usize> = BTreeMap::new();
        let mut logged: BTreeMap<u64, usize> = BTreeMap::new();
        for layer in layers {
            let needs = needs(layer).unwrap_or_default();
            let Some(first) = needs.first() else { continue };
            let mut last = None;
            for step in layer.steps(*first) {
                if last.replace(step) == Some(step) {
                    continue;
                }
                let values = || needs.iter().map(|quantity| layer.at(*quantity, step));
                if values().all(|value| value != Value::Missing) {
                    *logged.entry(step).or_default() += 1;
                    let good = values().all(|value| value.worst().is_none());
                    *usable.entry(step).or_default() += usize::from(good);
                }
            }
        }
        let whole = usable
            .into_iter()
            .filter(|(_, count)| *count == layers.len());
        Self {
            whole: whole.map(|(step, _)| step).collect(),
            logged,
        }
    }

    /// What to look at instead of a step that is not there.
    fn there(&self, layers: &[Layer], wanted: Option<u64>) -> String {
        match (wanted, self.whole.len()) {
            (_, 0) => self.nowhere(layers),
            (Some(step), count) if count > 10 => {
                let below = self.whole.range(..step).next_back();
                let above = self.whole.range(step..).next();
                let near: Vec<String> =
                    below.into_iter().chain(above).map(u64::to_string).collect();
                let (first, last) = (self.whole.first(), self.whole.last());
                format!(
                    "{count} steps have them, from {} to {}; the nearest: {}",
                    first.copied().unwrap_or(0),
                    last.copied().unwrap_or(0),
                    near.join(" and ")
                )
            }
            _ => {
                let steps: Vec<String> = self.whole.iter().map(u64::to_string).collect();
                format!("steps that have them: {}", steps.join(", "))
            }
        }
    }

    /// The step that comes nearest, and what it lacks.
    fn nowhere(&self, layers: &[Layer]) -> String {
        let best = self.logged.iter().rev().max_by_key(|(_, count)| **count);
        let Some((step, count)) = best else {
            return "no layer has all its norms at the same step: log them together, in one call"
                .to_owned();
        };
        let missing = layers.iter().filter(|layer| {
            let mut needs = needs(layer).unwrap_or_default().iter();
            needs.any(|quantity| layer.at(*quantity, *step) == Value::Missing)
        });
        let missing: Vec<&String> = missing.map(|layer| &layer.name).collect();
        format!(
            "step {step} has those of {count} layers, not of {}",
            quote_all(missing.iter())
        )
    }
}

impl Value {
    /// The value, if it is no norm from which an ELR follows.
    fn worst(self) -> Option<Point> {
        let usable = |point: &Point| point.value.is_finite() && point.value > 0.0;
        match self {
            Self::Missing => None,
            Self::Known(point) => (!usable(&point)).then_some(point),
            Self::Conflict(both) => both
                .into_iter()
                .map(|both| both.0)
                .find(|point| !usable(point)),
        }
    }
}

/// Layers with the same norm that gives no ELR.
struct Bad {
    layers: String,
    quantity: Quantity,
    value: String,
    point: Point,
    decimals: Option<u8>,
}

impl Bad {
    /// The first kind of it at a step where all layers are logged and not all are usable.
    fn at(layers: &[Layer], step: u64) -> Self {
        let worst = |layer: &Layer| {
            let mut needs = needs(layer).unwrap_or_default().iter();
            needs.find_map(|quantity| Some((*quantity, layer.at(*quantity, step).worst()?)))
        };
        let mut bad = layers
            .iter()
            .filter_map(|layer| Some((layer, worst(layer)?)));
        let (_, (quantity, point)) = bad
            .next()
            .expect("a layer at such a step has a norm that is none");
        let same = layers.iter().filter(|layer| {
            worst(layer).is_some_and(|(other, at)| {
                other == quantity && at.value.to_bits() == point.value.to_bits()
            })
        });
        let names: Vec<&String> = same.map(|layer| &layer.name).collect();
        Self {
            layers: quote_all(names.iter()),
            quantity,
            value: match point.decimals {
                Some(decimals) if point.value == 0.0 => {
                    format!("{:.*}", usize::from(decimals), 0.0)
                }
                _ => format!("{:?}", point.value),
            },
            point,
            decimals: decimals(layers, quantity, step),
        }
    }

    fn error(self, names: &str, step: u64, states: &States, was_asked: bool) -> LogError {
        let mut advice = match (self.point.value, self.decimals, self.quantity) {
            (value, _, _) if value < 0.0 => {
                "check the tool that wrote it: no norm is negative".to_owned()
            }
            (value, ..) if !value.is_finite() => {
                "the training has diverged or overflowed: take an earlier step, or skip the layer"
                    .to_owned()
            }
            (_, Some(decimals), _) if decimals > 0 => {
                format!("it is rounded to {decimals} decimals: log all digits, or skip the layer")
            }
            (_, _, Quantity::Weight) => {
                "a zero weight has no direction to turn: skip the layer".to_owned()
            }
            _ => "without gradient a layer does not learn: skip the layer".to_owned(),
        };
        if was_asked && let Some(next) = states.whole.range(step..).next().or(states.whole.last()) {
            advice += &format!(", or take step {next}");
        }
        LogError::OutOfRange {
            names: names.to_owned(),
            layer: self.layers,
            quantity: self.quantity.name(),
            value: self.value,
            step,
            advice,
        }
    }
}
