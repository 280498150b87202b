//! Averages over a batch by the trapezoidal rule.
//!
//! A coordinate `x` of a uniform point on the unit sphere in `n` dimensions has a density
//! proportional to `(1 − x²)^((n−3)/2)`. With `x = tanh v` that is `sech(v)^(n−1)` over the real
//! line, smooth and without ends, for which the trapezoidal rule converges exponentially; at large
//! `n` it is a Gaussian of width `1/√n`.

use super::batch::Batch;
use super::moments::{Average, Moments};

/// Distance of nodes, in units of the width.
const STEP: f64 = 0.2;
/// Logarithm of the smallest weight that is kept, relative to the largest.
const LEAST_LN_WEIGHT: f64 = -42.0;

/// A coordinate `x`, `√(1 − x²)`, and the probability that the rule puts there.
struct Node {
    x: f64,
    rest: f64,
    weight: f64,
}

/// The averages of smooth `value` φ and `slope` φ′.
pub(super) fn moments(batch: Batch, value: fn(f64) -> f64, slope: fn(f64) -> f64) -> Moments {
    let of = |z: f64| [value(z), slope(z), z * slope(z)];
    let rows = rows(batch, &of);
    let average = |index: usize, factor: fn(f64) -> f64| Average {
        square: total(&rows, |row| factor(row.z) * row.first[index].powi(2)),
        product: total(&rows, |row| {
            factor(row.z) * row.first[index] * row.second[index]
        }),
    };
    Moments {
        value: average(0, |_| 1.0),
        slope: average(1, |_| 1.0),
        tangent: average(2, |_| 1.0),
        weighted: average(0, |z| z * z),
    }
}

/// A node of the first sample: its weight, the functions there, and their means over the second.
struct Row {
    z: f64,
    weight: f64,
    first: [f64; 3],
    second: [f64; 3],
}

fn total(rows: &[Row], of: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(|row| row.weight * of(row)).sum()
}

fn rows(batch: Batch, of: &impl Fn(f64) -> [f64; 3]) -> Vec<Row> {
    let row = |(z, weight), second| Row {
        z,
        weight,
        first: of(z),
        second,
    };
    let Some(samples) = batch.samples() else {
        let nodes = trapezoid(STEP, |z| -0.5 * z * z);
        let mean = mean(nodes.iter().map(|(z, weight)| (*weight, of(*z))));
        return nodes.into_iter().map(|node| row(node, mean)).collect();
    };
    let (radius, correlation) = ((samples - 1.0).sqrt(), batch.correlation());
    let across = (1.0 - correlation * correlation).sqrt();
    let second = sphere(samples - 2.0);
    let rows = sphere(samples - 1.0).into_iter().map(|first| {
        let partner = |x: f64| radius * (correlation * first.x + across * first.rest * x);
        let means = mean(second.iter().map(|node| (node.weight, of(partner(node.x)))));
        row((radius * first.x, first.weight), means)
    });
    rows.collect()
}

fn mean(weighted: impl Iterator<Item = (f64, [f64; 3])>) -> [f64; 3] {
    weighted.fold([0.0; 3], |mut sum, (weight, values)| {
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += weight * value;
        }
        sum
    })
}

/// A coordinate of a uniform point on the unit sphere in `dimensions`, at least 2.
fn sphere(dimensions: f64) -> Vec<Node> {
    let ln_sech = |v: f64| -(v.abs() + (-2.0 * v.abs()).exp().ln_1p() - std::f64::consts::LN_2);
    trapezoid(STEP / dimensions.sqrt(), |v| {
        (dimensions - 1.0) * ln_sech(v)
    })
    .into_iter()
    .map(|(v, weight)| Node {
        x: v.tanh(),
        rest: v.cosh().recip(),
        weight,
    })
    .collect()
}

/// Equidistant points and the shares that an even density, falling from its middle, gives them.
fn trapezoid(step: f64, ln_density: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let half: Vec<(f64, f64)> = (0..)
        .map(|index| f64::from(index) * step)
        .map(|point| (point, ln_density(point)))
        .take_while(|(_, ln)| *ln > LEAST_LN_WEIGHT)
        .map(|(point, ln)| (point, ln.exp()))
        .collect();
    let total: f64 = 2.0 * half.iter().map(|(_, density)| density).sum::<f64>() - 1.0;
    let mirrored = half
        .iter()
        .skip(1)
        .map(|(point, density)| (-point, *density));
    mirrored
        .chain(half.iter().copied())
        .map(|(point, density)| (point, density / total))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a sphere of `n = B − 1` dimensions and radius `√n`, `E z⁴ = 3n/(n + 2)` and
    /// `E z₁²z₂² = n(1 + 2ρ²)/(n + 2)` at correlation `ρ`.
    #[test]
    fn fourth_moments_of_the_sphere() {
        for samples in [4, 5, 6, 16, 129, 4096] {
            let batch = Batch::of(samples).unwrap();
            let (n, rho) = (f64::from(samples - 1), batch.correlation());
            let value = moments(batch, |z| z * z, |z| 2.0 * z).value;
            assert!((value.square / (3.0 * n / (n + 2.0)) - 1.0).abs() < 1e-12);
            let product = n * (1.0 + 2.0 * rho * rho) / (n + 2.0);
            assert!((value.product / product - 1.0).abs() < 1e-12);
        }
        assert!((moments(Batch::LARGE, |z| z * z, |z| z).value.square - 3.0).abs() < 1e-13);
    }
}
