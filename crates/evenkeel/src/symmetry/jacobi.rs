//! Singular values and right singular vectors by one-sided Jacobi rotations (Hestenes 1958).
//!
//! The method keeps small singular values to high relative accuracy, which is what symmetries are told
//! by. It takes some ten sweeps of `n²/2` rotations.

/// Sweeps after which columns are orthogonal for any matrix met in practice.
const MOST_SWEEPS: usize = 60;
/// The cosine between columns that counts as orthogonal.
const ORTHOGONAL: f64 = 1e-15;

/// `A V = U Σ` for a matrix given by its columns.
pub(super) struct Decomposition {
    /// The singular values, descending.
    pub values: Vec<f64>,
    /// The columns of `V`, in the same order.
    pub right: Vec<Vec<f64>>,
    /// The columns of `A V`, in the same order: each singular value times its left vector.
    pub left: Vec<Vec<f64>>,
}

pub(super) fn decompose(mut columns: Vec<Vec<f64>>) -> Decomposition {
    let count = columns.len();
    let unit = |index: usize| (0..count).map(|l| f64::from(l == index)).collect();
    let mut right: Vec<Vec<f64>> = (0..count).map(unit).collect();
    for _ in 0..MOST_SWEEPS {
        let mut rotated = false;
        for first in 0..count {
            for second in first + 1..count {
                if let Some((cos, sin)) = rotation(&columns[first], &columns[second]) {
                    rotate(&mut columns, first, second, cos, sin);
                    rotate(&mut right, first, second, cos, sin);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let lengths: Vec<f64> = columns
        .iter()
        .map(|column| dot(column, column).sqrt())
        .collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
    Decomposition {
        values: order.iter().map(|l| lengths[*l]).collect(),
        right: order.iter().map(|l| right[*l].clone()).collect(),
        left: order.iter().map(|l| columns[*l].clone()).collect(),
    }
}

/// The rotation that makes two columns orthogonal; `None` if they are.
fn rotation(one: &[f64], other: &[f64]) -> Option<(f64, f64)> {
    let (a, b, c) = (dot(one, one), dot(other, other), dot(one, other));
    if c.abs() <= ORTHOGONAL * (a * b).sqrt() || c == 0.0 {
        return None;
    }
    let zeta = (b - a) / (2.0 * c);
    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let cos = tangent.hypot(1.0).recip();
    Some((cos, cos * tangent))
}

fn rotate(columns: &mut [Vec<f64>], first: usize, second: usize, cos: f64, sin: f64) {
    let (left, right) = columns.split_at_mut(second);
    for (x, y) in left[first].iter_mut().zip(&mut right[0]) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}

pub(super) fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_singular_values_are_exact() {
        // A = Q diag(1, 1e-3, 1e-9): columns of the matrix that rotates (x, y, z) into each other.
        let (s, c) = 0.7f64.sin_cos();
        let scaled = |column: [f64; 3], by: f64| column.map(|x| x * by).to_vec();
        let mut columns = vec![
            scaled([c, s, 0.0], 1.0),
            scaled([-s * c, c * c, s], 1e-3),
            scaled([s * s, -c * s, c], 1e-9),
        ];
        // Mixed by an orthogonal matrix from the right, which changes no singular value.
        rotate(&mut columns, 0, 2, 0.6, 0.8);
        rotate(&mut columns, 1, 2, 0.8, -0.6);
        let found = decompose(columns.clone());
        for (value, expected) in found.values.iter().zip([1.0, 1e-3, 1e-9]) {
            assert!((value / expected - 1.0).abs() < 1e-6, "{value} {expected}");
        }
        for (right, left) in found.right.iter().zip(&found.left) {
            for row in 0..3 {
                let product: f64 = columns.iter().zip(right).map(|(a, v)| a[row] * v).sum();
                assert!((product - left[row]).abs() < 1e-15);
            }
        }
    }
}
