//! Batches seen so far, in bounded memory.

use super::basis::readable;
use super::jacobi::decompose;
use super::{Symmetries, SymmetryError};

/// Batches beyond the number of parameters, so that chance leaves no small singular value.
const MORE_BATCHES: usize = 8;
/// The smallest factor between singular values that counts as a gap. Singular values of chance
/// have neighbours within a factor of a few.
const SMALLEST_GAP: f64 = 30.0;
/// The cosine below which values cannot be told from symmetries unless there is a gap: what a weight of a
/// million entries has by chance. It stands above the first value, where all weights are symmetric.
const CHANCE: f64 = 1e-3;
/// Singular values are known to within this of the largest: rounding of `f64`.
const ROUNDING: f64 = 1e-15;

/// The inner products `⟨W_l, ∇_b W_l⟩` of all batches `b` seen so far, as the triangular factor of
/// their QR decomposition: `L²` numbers for `L` parameters, whatever the number of batches.
///
/// `MᵀM` would need as much memory, but squares the singular values: in it, those of symmetries in
/// single precision, 1e-7 of the largest, are lost in rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Observations {
    /// Row by row, upper triangular.
    triangle: Vec<Vec<f64>>,
    /// `Σ_b (‖W_l‖‖∇_b W_l‖)²`, with each batch divided by its total.
    squares: Vec<f64>,
    batches: usize,
}

impl Observations {
    /// Nothing seen yet of so many parameters.
    pub fn new(parameters: usize) -> Self {
        Self {
            triangle: vec![vec![0.0; parameters]; parameters],
            squares: vec![0.0; parameters],
            batches: 0,
        }
    }

    /// Takes in one batch: for each parameter `⟨W_l, ∇W_l⟩` and its bound `‖W_l‖‖∇W_l‖`. Each batch
    /// counts the same, whatever its loss. A batch without any gradient says nothing and is left out.
    ///
    /// # Errors
    /// [`SymmetryError`] for numbers that are missing or not finite; nothing is taken in then.
    pub fn push(&mut self, inner: &[f64], bounds: &[f64]) -> Result<(), SymmetryError> {
        let expected = self.squares.len();
        if let Some(given) = [inner.len(), bounds.len()]
            .into_iter()
            .find(|n| *n != expected)
        {
            return Err(SymmetryError::Length { given, expected });
        }
        for (parameter, (&inner, &bound)) in inner.iter().zip(bounds).enumerate() {
            if !(inner.is_finite() && bound.is_finite() && bound >= 0.0) {
                return Err(SymmetryError::NotFinite {
                    parameter,
                    inner,
                    bound,
                });
            }
        }
        let total = bounds
            .iter()
            .fold(0.0f64, |total, bound| total.hypot(*bound));
        if total == 0.0 {
            return Ok(());
        }
        for (square, bound) in self.squares.iter_mut().zip(bounds) {
            *square += (bound / total).powi(2);
        }
        self.rotate_in(inner.iter().map(|x| x / total).collect());
        self.batches += 1;
        Ok(())
    }

    /// Givens rotations that take a further row into the triangle.
    fn rotate_in(&mut self, mut row: Vec<f64>) {
        for (index, kept) in self.triangle.iter_mut().enumerate() {
            let length = kept[index].hypot(row[index]);
            if length == 0.0 {
                continue;
            }
            let (cos, sin) = (kept[index] / length, row[index] / length);
            for (x, y) in kept[index..].iter_mut().zip(&mut row[index..]) {
                (*x, *y) = (cos * *x + sin * *y, cos * *y - sin * *x);
            }
        }
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.squares.len()
    }

    /// The number of batches seen.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// The symmetries of what was seen: the null space of the inner products, up to the largest gap
    /// between singular values. Parameters without any gradient so far take no part.
    ///
    /// # Errors
    /// [`SymmetryError::TooFewBatches`] with fewer than the number of parameters and eight.
    pub fn symmetries(&self) -> Result<Symmetries, SymmetryError> {
        let alive: Vec<usize> = (0..self.squares.len())
            .filter(|l| self.squares[*l] > 0.0)
            .collect();
        let needed = alive.len() + MORE_BATCHES;
        if self.batches < needed {
            return Err(SymmetryError::TooFewBatches {
                seen: self.batches,
                needed,
                parameters: alive.len(),
            });
        }
        // Columns in units of their bounds: the null space is the same, and values are cosines.
        let units: Vec<f64> = alive
            .iter()
            .map(|l| self.squares[*l].sqrt().recip())
            .collect();
        let column = |(l, unit): (&usize, &f64)| -> Vec<f64> {
            self.triangle.iter().map(|row| row[*l] * unit).collect()
        };
        let columns: Vec<Vec<f64>> = alive.iter().zip(&units).map(column).collect();
        let decomposition = decompose(columns.clone());
        let values = decomposition.values;
        let split = gap(&values);
        let null: Vec<Vec<f64>> = match split {
            Some((first, _)) => decomposition.right[first..]
                .iter()
                .map(|vector| {
                    vector
                        .iter()
                        .zip(&units)
                        .map(|(z, unit)| z * unit)
                        .collect()
                })
                .collect(),
            None => Vec::new(),
        };
        let limit = split.map_or(0.0, |(first, _)| threshold(&values, first));
        let keeps = |exponents: &[f64]| broken(&columns, &units, exponents) <= limit;
        let vectors = readable(null, keeps)
            .into_iter()
            .map(|exponents| spread_out(&exponents, &alive, self.squares.len()))
            .collect();
        Ok(Symmetries {
            vectors,
            values,
            gap: split.map(|(_, gap)| gap),
            batches: self.batches,
        })
    }
}

/// Where the largest gap is: the index of the first value below it, and the factor.
fn gap(values: &[f64]) -> Option<(usize, f64)> {
    let largest = values.first().copied().unwrap_or(0.0).max(CHANCE);
    let floor = ROUNDING * largest;
    let above = std::iter::once(largest).chain(values.iter().copied());
    let ratios = above.zip(values).map(|(a, b)| a.max(floor) / b.max(floor));
    let (index, ratio) = ratios.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (ratio >= SMALLEST_GAP).then_some((index, ratio))
}

/// The middle of the gap, in logarithms.
fn threshold(values: &[f64], first: usize) -> f64 {
    let largest = values.first().copied().unwrap_or(0.0).max(CHANCE);
    let above = if first == 0 {
        largest
    } else {
        values[first - 1]
    };
    let below = values[first].max(ROUNDING * largest);
    (above * below).sqrt()
}

/// By how much exponents fail to be a symmetry, on the scale of singular values.
fn broken(columns: &[Vec<f64>], units: &[f64], exponents: &[f64]) -> f64 {
    let scaled: Vec<f64> = exponents
        .iter()
        .zip(units)
        .map(|(s, unit)| s / unit)
        .collect();
    let length = scaled.iter().fold(0.0f64, |sum, x| sum.hypot(*x));
    let rows = columns.first().map_or(0, Vec::len);
    let row = |index: usize| -> f64 {
        columns
            .iter()
            .zip(&scaled)
            .map(|(column, x)| column[index] * x)
            .sum()
    };
    (0..rows).fold(0.0f64, |sum, index| sum.hypot(row(index))) / length
}

fn spread_out(exponents: &[f64], alive: &[usize], parameters: usize) -> super::Symmetry {
    let mut all = vec![0.0; parameters];
    for (l, s) in alive.iter().zip(exponents) {
        all[*l] = *s;
    }
    super::Symmetry::new(all)
}
