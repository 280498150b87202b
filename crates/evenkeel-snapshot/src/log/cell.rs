//! What stands in a cell of a table.

/// A value as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Blank,
    /// A number, and how many decimals it was written with where it has no exponent.
    Number(f64, Option<u8>),
    /// An object of a tracker that counts values into bins.
    Histogram,
    /// Anything else.
    Text,
}

impl Cell {
    /// Reads a cell; with `decimal_comma`, `0,5` is a number.
    pub fn read(text: &str, decimal_comma: bool) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Blank;
        }
        let comma = decimal_comma && text.contains(',');
        let number: Result<f64, _> = match comma {
            true => text.replacen(',', ".", 1).parse(),
            false => text.parse(),
        };
        match number {
            Ok(value) => Self::Number(value, decimals(text)),
            Err(_) if text.contains("histogram") => Self::Histogram,
            Err(_) => Self::Text,
        }
    }

    /// The number, if it is one that is finite.
    pub fn finite(self) -> Option<f64> {
        match self {
            Self::Number(value, _) if value.is_finite() => Some(value),
            _ => None,
        }
    }
}

fn decimals(text: &str) -> Option<u8> {
    let (_, behind) = text.split_once(['.', ','])?;
    let digits = behind.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| u8::try_from(behind.len()).ok())?
}

/// A whole number from 0, also where a tool writes it as a float.
pub(crate) fn step(text: &str) -> Option<u64> {
    let value = Cell::read(text, false).finite()?;
    let whole = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
    whole.then_some(value as u64)
}
