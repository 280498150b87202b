//! Where an axis has its ticks, and what they are called.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

use super::canvas::{plain, power_of_ten};

/// Digits that ticks of a logarithmic axis may have, from many to few.
const DIGITS: [&[f64]; 3] = [
    &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    &[1.0, 2.0, 5.0],
    &[1.0],
];

/// An axis with its ticks. A logarithmic one spans logarithms to base 10.
pub struct Ticks {
    axis: RangedCoordf64,
    places: Vec<f64>,
    log: bool,
    /// Whether a logarithmic axis has decades only, which are written as powers.
    powers: bool,
}

impl Ticks {
    /// At most `most` ticks at round numbers.
    pub fn on(range: (f64, f64), log: bool, most: usize) -> Self {
        let axis = RangedCoordf64::from(range.0..range.1);
        if !log {
            return Self {
                places: axis.key_points(most),
                axis,
                log,
                powers: false,
            };
        }
        let found = DIGITS.map(|digits| round_numbers(range, digits));
        let finest = found.iter().position(|places| places.len() <= most);
        let mut places = found[finest.unwrap_or(DIGITS.len() - 1)].clone();
        places = places
            .iter()
            .copied()
            .step_by(places.len().div_ceil(most).max(1))
            .collect();
        if places.len() < 2 {
            places = axis.key_points(most);
        }
        let powers = finest.is_none_or(|finest| DIGITS[finest].len() == 1);
        Self {
            axis,
            places,
            log,
            powers,
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
        match (self.log, self.powers) {
            (false, _) => plain(*place),
            (true, true) => power_of_ten(*place),
            (true, false) => short(10f64.powf(*place)),
        }
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

/// A number of two digits, as short as it can be.
fn short(number: f64) -> String {
    let rounded: f64 = format!("{number:.1e}").parse().unwrap_or(number);
    match (1e-3..1e4).contains(&rounded) {
        true => rounded.to_string(),
        false => format!("{rounded:e}"),
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
        assert!(labels(1.1, 1.3).len() > 1);
        let ticks = Ticks::on((0.0, 10.0), false, 7);
        assert!(ticks.places.len() > 2 && ticks.format_ext(&2.0) == "2");
    }
}
