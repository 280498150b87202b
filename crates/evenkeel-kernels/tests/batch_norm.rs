//! Batch normalization against its definition and finite differences.

use evenkeel_kernels::layers::batch_norm::{Moments, Normalize};
use evenkeel_kernels::threads::ThreadPool;
use proptest::prelude::*;

#[path = "common/narrower.rs"]
mod narrower;

const EPSILON: f32 = 1e-3;

/// The definition, in 64 bits.
fn definition(z: &[f64], r: &[f64], gamma: &[f64], beta: &[f64], relu: bool) -> Vec<f64> {
    let features = gamma.len();
    let rows = z.len() / features;
    let mut y = vec![0.0; z.len()];
    for i in 0..features {
        let column = || z.iter().skip(i).step_by(features);
        let mean = column().sum::<f64>() / rows as f64;
        let variance = column().map(|z| (z - mean).powi(2)).sum::<f64>() / rows as f64;
        for row in 0..rows {
            let at = row * features + i;
            let normal = (z[at] - mean) / (variance + f64::from(EPSILON)).sqrt();
            let sum = gamma[i] * normal + beta[i] + r[at];
            y[at] = if relu { sum.max(0.0) } else { sum };
        }
    }
    y
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

fn case() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>, bool)> {
    (2..9usize, 1..40usize, any::<bool>()).prop_flat_map(|(rows, features, relu)| {
        let numbers = |count| proptest::collection::vec(-2.0..2.0f32, count);
        (
            Just(features),
            numbers(3 * rows * features),
            numbers(2 * features),
            Just(relu),
        )
    })
}

proptest! {
    #[test]
    fn values_and_gradients_match_the_definition((features, numbers, of_features, relu) in case()) {
        let count = numbers.len() / 3;
        let (z, rest) = numbers.split_at(count);
        let (r, dy) = rest.split_at(count);
        let (gamma, beta) = of_features.split_at(features);
        let pool = ThreadPool::single();
        let moments = Moments::over(&pool, z, features);
        let scale = moments.inverse_deviations(EPSILON);
        let norm = Normalize { mean: &moments.mean, scale: &scale, gamma, beta, relu };
        let mut y = vec![f32::NAN; count];
        norm.forward(&pool, z, Some(r), &mut y);
        let expected = definition(&wide(z), &wide(r), &wide(gamma), &wide(beta), relu);
        for (ours, expected) in y.iter().zip(&expected) {
            prop_assert!((f64::from(*ours) - expected).abs() < 1e-3, "{} {}", ours, expected);
        }

        let (mut dz, mut dr) = (vec![f32::NAN; count], vec![f32::NAN; count]);
        let sums = norm.backward(&pool, dy, z, Some(&y), &mut dz, Some(&mut dr));
        for (dr, (dy, y)) in dr.iter().zip(dy.iter().zip(&y)) {
            prop_assert_eq!(*dr, if relu && *y <= 0.0 { 0.0 } else { *dy });
        }
        // Without a residual the output is not needed.
        let mut alone = vec![f32::NAN; count];
        norm.forward(&pool, z, None, &mut alone);
        let (mut kept, mut known) = (vec![f32::NAN; count], vec![f32::NAN; count]);
        let both = [
            norm.backward(&pool, dy, z, Some(&alone), &mut kept, None),
            norm.backward(&pool, dy, z, None, &mut known, None),
        ];
        prop_assert_eq!(&both[0], &both[1]);
        prop_assert_eq!(kept, known);

        let loss = |z: &[f64], gamma: &[f64], beta: &[f64]| -> f64 {
            let y = definition(z, &wide(r), gamma, beta, relu);
            y.iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum()
        };
        // Finite differences are gradients away from the kink of the ReLU.
        let step = 1e-6;
        let at_kink = |feature: usize| {
            let raw = definition(&wide(z), &wide(r), &wide(gamma), &wide(beta), false);
            relu && raw.iter().skip(feature).step_by(features).any(|y| y.abs() < 1e-3)
        };
        let change = |numbers: &[f32], at: usize, by: f64| {
            let mut numbers = wide(numbers);
            numbers[at] += by;
            numbers
        };
        for feature in (0..features).filter(|feature| !at_kink(*feature)) {
            let slope = |up: f64, down: f64| (up - down) / (2.0 * step);
            for at in (feature..count).step_by(features) {
                let (up, down) = (change(z, at, step), change(z, at, -step));
                let expected = slope(loss(&up, &wide(gamma), &wide(beta)), loss(&down, &wide(gamma), &wide(beta)));
                let size = f64::from(scale[feature] * gamma[feature].abs()).max(1.0);
                prop_assert!((f64::from(dz[at]) - expected).abs() < 1e-3 * size * 10.0, "dz {} {}", dz[at], expected);
            }
            let (up, down) = (change(gamma, feature, step), change(gamma, feature, -step));
            let expected = slope(loss(&wide(z), &up, &wide(beta)), loss(&wide(z), &down, &wide(beta)));
            prop_assert!((f64::from(sums.gamma[feature]) - expected).abs() < 1e-2, "dγ {} {}", sums.gamma[feature], expected);
            let (up, down) = (change(beta, feature, step), change(beta, feature, -step));
            let expected = slope(loss(&wide(z), &wide(gamma), &up), loss(&wide(z), &wide(gamma), &down));
            prop_assert!((f64::from(sums.beta[feature]) - expected).abs() < 1e-2, "dβ {} {}", sums.beta[feature], expected);
        }
    }
}

#[test]
fn nan_stays_nan() {
    let norm = Normalize {
        mean: &[0.0],
        scale: &[1.0],
        gamma: &[1.0],
        beta: &[0.0],
        relu: true,
    };
    let mut y = [0.0; 3];
    norm.forward(
        &ThreadPool::single(),
        &[f32::NAN, f32::INFINITY, -1.0],
        None,
        &mut y,
    );
    assert!(y[0].is_nan() && y[1] == f32::INFINITY && y[2] == 0.0);
}
