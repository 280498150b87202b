//! A basis that people can read: sparse, in whole numbers.

/// How near an exponent must be to a whole number to be written as one.
const NEAR: f64 = 0.02;
/// What a vector whose pivot is 1 is multiplied by to make its exponents whole numbers.
const MULTIPLES: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 6.0];
/// `p` times a vector and `q` times another, which may be sparser than the first.
const COMBINATIONS: [(f64, f64); 6] = [
    (1.0, 1.0),
    (1.0, -1.0),
    (1.0, 2.0),
    (1.0, -2.0),
    (2.0, 1.0),
    (2.0, -1.0),
];

/// The readable form of a basis. A rounded vector stands only if it `keeps` the loss.
pub(super) fn readable(
    mut vectors: Vec<Vec<f64>>,
    keeps: impl Fn(&[f64]) -> bool,
) -> Vec<Vec<f64>> {
    reduce(&mut vectors);
    let exact = vectors.clone();
    vectors = exact.iter().map(|vector| rounded(vector)).collect();
    // Sparser combinations are looked for among vectors of whole numbers.
    if vectors.iter().all(|vector| keeps(vector)) {
        sparsen(&mut vectors);
    } else {
        for (vector, exact) in vectors.iter_mut().zip(exact) {
            if !keeps(vector) {
                *vector = exact;
            }
        }
    }
    for vector in &mut vectors {
        let sign = vector[first(vector)].signum();
        // Adding zero turns −0 into 0.
        vector.iter_mut().for_each(|x| *x = *x * sign + 0.0);
    }
    vectors.sort_by_key(|vector| first(vector));
    vectors
}

/// The index of the first exponent that is not zero.
fn first(vector: &[f64]) -> usize {
    vector.iter().position(|x| *x != 0.0).unwrap_or(0)
}

/// Row reduction with complete pivoting.
fn reduce(rows: &mut [Vec<f64>]) {
    for step in 0..rows.len() {
        let candidates = (step..rows.len()).flat_map(|r| (0..rows[r].len()).map(move |c| (r, c)));
        let largest =
            candidates.max_by(|a, b| rows[a.0][a.1].abs().total_cmp(&rows[b.0][b.1].abs()));
        let Some((row, pivot)) = largest else { break };
        rows.swap(step, row);
        let scale = rows[step][pivot];
        rows[step].iter_mut().for_each(|x| *x /= scale);
        let reduced = rows[step].clone();
        for (index, other) in rows.iter_mut().enumerate() {
            let factor = other[pivot];
            if index != step && factor != 0.0 {
                other
                    .iter_mut()
                    .zip(&reduced)
                    .for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
}

/// The vector in whole numbers, multiplied if need be; rounded as it is where nothing fits.
fn rounded(vector: &[f64]) -> Vec<f64> {
    let fits = |multiple: &&f64| {
        let distance = |x: &f64| (x * **multiple - (x * **multiple).round()).abs();
        vector.iter().all(|x| distance(x) < NEAR * **multiple)
    };
    let multiple = MULTIPLES.iter().find(fits).copied().unwrap_or(1.0);
    vector.iter().map(|x| (x * multiple).round()).collect()
}

/// Combines vectors of whole numbers as long as that makes one have fewer exponents, or smaller ones.
fn sparsen(vectors: &mut [Vec<f64>]) {
    let mut improved = true;
    while improved {
        improved = false;
        for target in 0..vectors.len() {
            for other in (0..vectors.len()).filter(|other| *other != target) {
                for (p, q) in COMBINATIONS {
                    let sum = vectors[target].iter().zip(&vectors[other]);
                    let sum = lowest(sum.map(|(x, y)| p * x + q * y).collect());
                    if cost(&sum) < cost(&vectors[target]) - 1e-9 {
                        vectors[target] = sum;
                        improved = true;
                    }
                }
            }
        }
    }
}

/// The number of exponents, and by a little their size.
fn cost(vector: &[f64]) -> f64 {
    let count = vector.iter().filter(|x| **x != 0.0).count() as f64;
    count + 1e-3 * vector.iter().map(|x| x.abs()).sum::<f64>()
}

/// A vector of whole numbers in lowest terms.
fn lowest(vector: Vec<f64>) -> Vec<f64> {
    let divisor = vector.iter().fold(0.0, |d, x| common_divisor(d, x.abs()));
    match divisor > 1.0 {
        true => vector.iter().map(|x| x / divisor).collect(),
        false => vector,
    }
}

fn common_divisor(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        a
    } else {
        common_divisor(b, a % b)
    }
}
