//! Where an axis has its ticks, and what they are called.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

use crate::canvas::{plain, power_of_ten};

/// Digits that ticks of a logarithmic axis may have beside powers of ten alone, from many to few.
const DIGITS: [&[f64]; 2] = [
    &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    &[1.0, 2.0, 5.0],
];

/// An axis with its ticks. A logarithmic one spans logarithms to base 10.
pub struct Ticks {
    axis: RangedCoordf64,
    places: Vec<f64>,
    label: fn(f64) -> String,
}

impl Ticks {
    /// At most `most` ticks at round numbers.
    pub fn on(range: (f64, f64), log: bool, most: usize) -> Self {
        let axis = RangedCoordf64::from(range.0..range.1);
        let (places, label): (_, fn(f64) -> String) = match log {
            false => (axis.key_points(most), plain),
            true => match few_round_numbers(range, most) {
                Some(places) if places.len() >= 2 => (places, number),
                Some(_) => (axis.key_points(most), number),
                None => (decades(range, most), power_of_ten),
            },
        };
        Self {
            axis,
            places,
            label,
        }
    }
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.axis.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.places.clone()
    }

    fn range(&self) -> Range<f64> {
        self.axis.range()
    }
}

impl ValueFormatter<f64> for Ticks {
    fn format_ext(&self, place: &f64) -> String {
        (self.label)(*place)
    }
}

/// The logarithms of numbers with one of these digits and zeros within a range.
fn round_numbers((low, high): (f64, f64), digits: &[f64]) -> Vec<f64> {
    let within = |place: &f64| (low - 1e-9..=high + 1e-9).contains(place);
    (low.floor() as i32..=high.floor() as i32)
        .flat_map(|power| {
            digits
                .iter()
                .map(move |digit| f64::from(power) + digit.log10())
        })
        .filter(within)
        .collect()
}

/// With as many digits as are few enough; none where these are powers of ten alone.
fn few_round_numbers(range: (f64, f64), most: usize) -> Option<Vec<f64>> {
    let mut found = DIGITS.iter().map(|digits| round_numbers(range, digits));
    found.find(|places| places.len() <= most)
}

/// Powers of ten, as many of them as there is room for.
fn decades(range: (f64, f64), most: usize) -> Vec<f64> {
    let all = round_numbers(range, &[1.0]);
    let step = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(step).collect()
}

/// `10^place`, written out where that is short.
fn number(place: f64) -> String {
    let number = 10f64.powf(place);
    match (1e-3..1e4).contains(&number) {
        true => plain(number),
        false => power_of_ten(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        let ticks = Ticks::on((low.log10(), high.log10()), true, 8);
        ticks
            .places
            .iter()
            .map(|place| ticks.format_ext(place))
            .collect()
    }

    #[test]
    fn logarithmic_axes_have_round_numbers() {
        assert_eq!(labels(0.03, 1.0), ["0.05", "0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(2.0, 6.0), ["2", "3", "4", "5", "6"]);
        assert_eq!(
            labels(0.001, 1000.0).join(" "),
            "10⁻³ 10⁻² 10⁻¹ 10⁰ 10¹ 10² 10³"
        );
        assert_eq!(labels(1e-12, 1e12).len(), 7, "every fourth decade");
        assert_eq!(labels(16.0, 512.0), ["20", "50", "100", "200", "500"]);
    }

    #[test]
    fn short_spans_have_ticks_too() {
        let found = labels(1.1, 1.3);
        assert!(found.len() > 1);
        assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
        let ticks = Ticks::on((0.0, 10.0), false, 7);
        assert!(ticks.places.len() > 2 && ticks.format_ext(&2.0) == "2");
    }
}
