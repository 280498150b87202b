//! Where figures are drawn: lengths, text and numbers, alike for SVG and PNG.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::theme::{FONT, INK};

/// A drawing area with its scale: all lengths are given in units.
pub struct Canvas<DB: DrawingBackend> {
    pub area: DrawingArea<DB, Shift>,
    scale: u32,
}

pub type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

impl<DB: DrawingBackend> Canvas<DB> {
    /// `scale` pixels for each unit of length.
    pub fn new(area: DrawingArea<DB, Shift>, scale: u32) -> Self {
        Self { area, scale }
    }

    /// A length in pixels.
    pub fn px(&self, units: u32) -> u32 {
        units * self.scale
    }

    /// Text of a size in units.
    pub fn text(&self, size: u32) -> TextStyle<'static> {
        (FONT, self.px(size)).into_font().color(&INK)
    }
}

/// A number without superfluous zeros.
pub fn plain(value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4;
    if rounded == 0.0 {
        "0".to_owned()
    } else {
        format!("{rounded}")
    }
}

/// `10^value` as a power for whole numbers, otherwise as a number of two digits.
pub fn power_of_ten(value: f64) -> String {
    let whole = value.round();
    if (value - whole).abs() > 1e-9 {
        let number = 10f64.powf(value);
        return if (1e-2..1e3).contains(&number) {
            format!("{number:.2}")
        } else {
            format!("{number:.1e}")
        };
    }
    let digits = (whole as i64).to_string();
    let raised = digits.chars().map(|digit| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        other => char::from_u32(0x2070 + other.to_digit(10).unwrap_or(0)).unwrap_or(other),
    });
    format!("10{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_well() {
        assert_eq!(power_of_ten(-12.0), "10⁻¹²");
        assert_eq!(power_of_ten(0.5), "3.16");
        assert_eq!(power_of_ten(-3.5), "3.2e-4");
        assert_eq!(plain(-0.00001), "0");
        assert_eq!(plain(0.25), "0.25");
    }
}
