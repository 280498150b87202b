//! Small networks whose scaling symmetries are known, with derivatives by differences.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Features everywhere.
pub const WIDTH: usize = 5;
/// Tokens in a batch.
const TOKENS: usize = 4;

pub type Vector = Vec<f64>;
/// A parameter: a matrix row by row, a gain or a bias.
pub type Parameters = Vec<Vec<f64>>;
/// The outputs of a network for tokens.
pub type Forward = fn(&Parameters, &[Vector]) -> Vec<Vector>;

/// A network with random parameters.
pub struct Network {
    forward: Forward,
    parameters: Parameters,
    rng: ChaCha8Rng,
}

/// Inputs and targets.
pub type Batch = (Vec<Vector>, Vec<Vector>);

impl Network {
    /// `sizes` are the numbers of entries of the parameters.
    pub fn new(sizes: &[usize], forward: Forward) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let parameters = sizes.iter().map(|size| normals(&mut rng, *size)).collect();
        Self {
            forward,
            parameters,
            rng,
        }
    }

    pub fn batch(&mut self) -> Batch {
        let mut tokens = || (0..TOKENS).map(|_| normals(&mut self.rng, WIDTH)).collect();
        (tokens(), tokens())
    }

    /// A small random change, in place of training.
    pub fn wander(&mut self) {
        for parameter in &mut self.parameters {
            let change = normals(&mut self.rng, parameter.len());
            parameter
                .iter_mut()
                .zip(change)
                .for_each(|(x, d)| *x += 0.03 * d);
        }
    }

    /// The loss with each parameter multiplied by `e^t`.
    pub fn loss(&self, ln_factors: &[f64], (inputs, targets): &Batch) -> f64 {
        let scaled = self.parameters.iter().zip(ln_factors);
        let scaled = scaled
            .map(|(p, t)| p.iter().map(|x| x * t.exp()).collect())
            .collect();
        let outputs = (self.forward)(&scaled, inputs);
        let pairs = outputs.iter().flatten().zip(targets.iter().flatten());
        pairs.map(|(y, target)| (y - target).powi(2)).sum()
    }

    /// `⟨W_l, ∇W_l⟩` of every parameter: the derivative by the logarithm of its scale.
    pub fn inner_products(&self, batch: &Batch) -> Vec<f64> {
        // Small, because ReLU has kinks.
        const H: f64 = 1e-6;
        let count = self.parameters.len();
        let at = |l: usize, t: f64| {
            let mut factors = vec![0.0; count];
            factors[l] = t;
            self.loss(&factors, batch)
        };
        let derivative = |l| {
            let (near, far) = (at(l, H) - at(l, -H), at(l, 2.0 * H) - at(l, -2.0 * H));
            (8.0 * near - far) / (12.0 * H)
        };
        (0..count).map(derivative).collect()
    }
}

pub fn normals(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    StandardNormal.sample_iter(rng).take(count).collect()
}

pub fn times(matrix: &[f64], x: &[f64]) -> Vector {
    let dot = |row: &[f64]| row.iter().zip(x).map(|(a, b)| a * b).sum();
    matrix.chunks(x.len()).map(dot).collect()
}

pub fn plus(a: &[f64], b: &[f64]) -> Vector {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

pub fn gained(a: &[f64], b: &[f64]) -> Vector {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

pub fn relu(x: &[f64]) -> Vector {
    x.iter().map(|x| x.max(0.0)).collect()
}

pub fn silu(x: &[f64]) -> Vector {
    x.iter().map(|x| x / (1.0 + (-x).exp())).collect()
}

/// Root mean square normalization; `epsilon` is what breaks its symmetry.
pub fn rms(x: &[f64], epsilon: f64) -> Vector {
    let square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter().map(|x| x / (square + epsilon).sqrt()).collect()
}

/// Attention of every token to all.
pub fn attend(queries: &[Vector], keys: &[Vector], values: &[Vector]) -> Vec<Vector> {
    let of_query = |query: &Vector| {
        let score = |key: &Vector| query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>();
        let weights: Vec<f64> = keys.iter().map(|key| (0.3 * score(key)).exp()).collect();
        let total: f64 = weights.iter().sum();
        let weighted = values.iter().zip(&weights);
        weighted.fold(vec![0.0; WIDTH], |sum, (value, weight)| {
            plus(
                &sum,
                &value.iter().map(|v| v * weight / total).collect::<Vec<_>>(),
            )
        })
    };
    queries.iter().map(of_query).collect()
}
