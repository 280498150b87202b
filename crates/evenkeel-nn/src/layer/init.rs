//! Distributions of initial weights.

use rand_distr::{Distribution, StandardNormal};

use crate::choice::Choice;
use crate::seed::Rng;

/// The distribution of a weight matrix at initialisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// Normal with variance `2/fan_in` (He et al. 2015).
    Kaiming,
    /// Normal with variance `2/(fan_in + fan_out)` (Glorot & Bengio 2010).
    Xavier,
    /// Uniform among matrices with orthonormal rows, or columns if there are fewer (Saxe et al. 2014).
    Orthogonal,
}

/// Every initialisation.
pub const ALL: &[Choice<Init>] = &[
    Choice {
        name: "kaiming",
        summary: "normal, variance 2/inputs",
        value: Init::Kaiming,
    },
    Choice {
        name: "xavier",
        summary: "normal, variance 2/(inputs + outputs)",
        value: Init::Xavier,
    },
    Choice {
        name: "orthogonal",
        summary: "orthonormal rows or columns, whichever are fewer",
        value: Init::Orthogonal,
    },
];

/// Fan-in and fan-out of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fan {
    /// Numbers that go into an output.
    pub inputs: usize,
    /// Outputs that a number goes into.
    pub outputs: usize,
}

impl Init {
    /// A matrix, row by row.
    pub fn draw(self, [rows, columns]: [usize; 2], fan: Fan, rng: &mut Rng) -> Vec<f32> {
        let mut normal = |variance: f32| normal(rows * columns, variance.sqrt(), rng);
        match self {
            Self::Kaiming => normal(2.0 / fan.inputs as f32),
            Self::Xavier => normal(2.0 / (fan.inputs + fan.outputs) as f32),
            Self::Orthogonal => orthogonal(rows, columns, rng),
        }
    }
}

/// Independent normal numbers with mean zero.
pub fn normal(count: usize, deviation: f32, rng: &mut Rng) -> Vec<f32> {
    StandardNormal
        .sample_iter(rng)
        .take(count)
        .map(|normal: f32| deviation * normal)
        .collect()
}

fn orthogonal(rows: usize, columns: usize, rng: &mut Rng) -> Vec<f32> {
    let basis = orthonormal(rows.min(columns), rows.max(columns), rng);
    let at = |row: usize, column: usize| {
        if rows <= columns {
            basis[row][column]
        } else {
            basis[column][row]
        }
    };
    (0..rows * columns)
        .map(|i| at(i / columns, i % columns) as f32)
        .collect()
}

/// Random vectors made orthonormal one after the other. Projecting twice keeps them orthogonal to
/// rounding where once does not.
fn orthonormal(count: usize, length: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut vector: Vec<f64> = StandardNormal.sample_iter(&mut *rng).take(length).collect();
        for known in basis.iter().chain(&basis) {
            let part = dot(&vector, known);
            vector
                .iter_mut()
                .zip(known)
                .for_each(|(v, k)| *v -= part * k);
        }
        let norm = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|v| *v /= norm);
        basis.push(vector);
    }
    basis
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, rng};

    #[test]
    fn normal_matrices_have_the_variance_of_their_fans() {
        let fan = Fan {
            inputs: 200,
            outputs: 50,
        };
        for (init, expected) in [(Init::Kaiming, 2.0 / 200.0), (Init::Xavier, 2.0 / 250.0)] {
            let drawn = init.draw([200, 50], fan, &mut rng(1, Purpose::Weights));
            let variance = drawn.iter().map(|x| x * x).sum::<f32>() / 10_000.0;
            // Four standard errors of a variance from 10⁴ numbers.
            assert!((variance / expected - 1.0).abs() < 4.0 * (2e-4f32).sqrt());
        }
    }

    #[test]
    fn orthogonal_matrices_have_orthonormal_rows_or_columns() {
        let fan = Fan {
            inputs: 1,
            outputs: 1,
        };
        for [rows, columns] in [[7, 30], [30, 7], [12, 12]] {
            let drawn = Init::Orthogonal.draw([rows, columns], fan, &mut rng(1, Purpose::Weights));
            let vector = |i: usize| -> Vec<f64> {
                let (start, stride) = if rows <= columns {
                    (i * columns, 1)
                } else {
                    (i, columns)
                };
                let length = rows.max(columns);
                (0..length)
                    .map(|j| f64::from(drawn[start + j * stride]))
                    .collect()
            };
            for i in 0..rows.min(columns) {
                for j in 0..=i {
                    let expected = f64::from(u8::from(i == j));
                    assert!((dot(&vector(i), &vector(j)) - expected).abs() < 1e-6);
                }
            }
        }
    }
}
