//! Rows and columns of a weight matrix.

use std::fmt;
use std::str::FromStr;

/// The shape of a weight matrix, at least 1 × 1; written `64x256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    rows: u32,
    columns: u32,
}

impl Shape {
    /// A square matrix of the size usual in language models. Constants of Muon hardly depend on it.
    pub const SQUARE: Self = Self {
        rows: 1024,
        columns: 1024,
    };

    /// `None` if either number is zero.
    pub fn new(rows: u32, columns: u32) -> Option<Self> {
        (rows > 0 && columns > 0).then_some(Self { rows, columns })
    }

    /// The shape of a tensor that is flattened behind its first dimension; a vector is one column.
    pub fn of_dimensions(dimensions: &[usize]) -> Option<Self> {
        let (rows, rest) = dimensions.split_first()?;
        let columns: usize = rest.iter().product();
        Self::new(u32::try_from(*rows).ok()?, u32::try_from(columns).ok()?)
    }

    /// A matrix of this aspect ratio with about so many entries.
    pub fn with_entries(self, entries: u64) -> Self {
        let factor = (entries as f64 / self.entries()).sqrt();
        let scaled = |side: u32| (f64::from(side) * factor).round().max(1.0) as u32;
        Self {
            rows: scaled(self.rows),
            columns: scaled(self.columns),
        }
    }

    /// The number of rows.
    pub fn rows(self) -> u32 {
        self.rows
    }

    /// The number of columns.
    pub fn columns(self) -> u32 {
        self.columns
    }

    /// The number of entries.
    pub fn entries(self) -> f64 {
        f64::from(self.rows) * f64::from(self.columns)
    }

    /// The number of singular values.
    pub fn smaller(self) -> f64 {
        f64::from(self.rows.min(self.columns))
    }

    /// The longer side over the shorter one.
    pub fn aspect(self) -> f64 {
        f64::from(self.rows.max(self.columns)) / self.smaller()
    }
}

impl FromStr for Shape {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (rows, columns) = text.split_once('x').ok_or(())?;
        let (rows, columns) = (rows.parse().map_err(drop)?, columns.parse().map_err(drop)?);
        Self::new(rows, columns).ok_or(())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        let shape: Shape = "64x256".parse().unwrap();
        assert_eq!(
            (shape.rows(), shape.columns(), shape.aspect()),
            (64, 256, 4.0)
        );
        assert_eq!(shape.to_string(), "64x256");
        for bad in ["", "64", "0x4", "4x0", "-1x3", "4x4x4"] {
            assert!(bad.parse::<Shape>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tensors_are_flattened_and_matrices_scaled() {
        let of = |dimensions: &[usize]| Shape::of_dimensions(dimensions).map(|s| s.to_string());
        assert_eq!(of(&[16, 8, 3, 3]).unwrap(), "16x72");
        assert_eq!(of(&[16]).unwrap(), "16x1");
        assert_eq!((of(&[]), of(&[0, 3])), (None, None));
        let shape = Shape::new(1, 4).unwrap();
        assert_eq!(shape.with_entries(400).to_string(), "10x40");
        assert_eq!(shape.with_entries(0).to_string(), "1x1");
    }
}
