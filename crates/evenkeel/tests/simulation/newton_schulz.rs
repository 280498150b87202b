//! The orthogonal factor of a matrix as `torch.optim.Muon` computes it.

use evenkeel::optimizer::Shape;

const COEFFICIENTS: [f64; 3] = [3.4445, -4.775, 2.0315];

/// Five steps of Newton–Schulz on a matrix given row by row.
pub fn orthogonalised(matrix: &[f64], shape: Shape) -> Vec<f64> {
    let (rows, columns) = (shape.rows() as usize, shape.columns() as usize);
    let norm = matrix.iter().map(|x| x * x).sum::<f64>().sqrt();
    let unit: Vec<f64> = matrix.iter().map(|x| x / norm).collect();
    if rows > columns {
        let turned = transposed(&unit, rows, columns);
        return transposed(&iterated(turned, columns, rows), columns, rows);
    }
    iterated(unit, rows, columns)
}

fn iterated(mut x: Vec<f64>, rows: usize, columns: usize) -> Vec<f64> {
    let [a, b, c] = COEFFICIENTS;
    for _ in 0..5 {
        let square = product(&x, &transposed(&x, rows, columns), rows, columns, rows);
        let fourth = product(&square, &square, rows, rows, rows);
        let both: Vec<f64> = square
            .iter()
            .zip(&fourth)
            .map(|(s, f)| b * s + c * f)
            .collect();
        let bent = product(&both, &x, rows, rows, columns);
        x.iter_mut()
            .zip(bent)
            .for_each(|(x, bent)| *x = a * *x + bent);
    }
    x
}

fn transposed(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let at = |index: usize| x[index % rows * columns + index / rows];
    (0..rows * columns).map(at).collect()
}

/// `(m × k)` times `(k × n)`.
fn product(left: &[f64], right: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; m * n];
    for (row, left) in out.chunks_mut(n).zip(left.chunks(k)) {
        for (factor, right) in left.iter().zip(right.chunks(n)) {
            row.iter_mut()
                .zip(right)
                .for_each(|(x, y)| *x += factor * y);
        }
    }
    out
}
