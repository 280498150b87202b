//! Attention, layer normalization, cross-entropy and column sums against their definitions, over
//! random shapes; gradients against finite differences.

use evenkeel_kernels::layers::attention::{Attention, AttentionMask, Gradients, Inputs};
use evenkeel_kernels::layers::column_sums::column_sums;
use evenkeel_kernels::layers::cross_entropy;
use evenkeel_kernels::layers::layer_norm::LayerNorm;
use evenkeel_kernels::threads::ThreadPool;
use proptest::prelude::*;

#[path = "common/narrower.rs"]
mod narrower;

/// Numbers from −1 to 1, by seed.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn close(ours: &[f32], expected: &[f64], tolerance: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), expected.len());
    for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let error = (f64::from(*ours) - expected).abs();
        prop_assert!(
            error <= tolerance,
            "{}: {} instead of {}",
            index,
            ours,
            expected
        );
    }
    Ok(())
}

/// The gradient of `value` by central differences.
fn differences(x: &[f64], value: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    let slope = |i: usize| {
        let moved = |by: f64| {
            let mut x = x.to_vec();
            x[i] += by;
            value(&x)
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    };
    (0..x.len()).map(slope).collect()
}

/// The definition of attention.
fn definition(of: &Attention, [query, key, value]: [&[f64]; 3]) -> Vec<f64> {
    let width = of.heads * of.features;
    let mut y = vec![0.0; query.len()];
    for row in 0..of.sequences * of.context {
        let start = row / of.context * of.context;
        let end = match of.mask {
            AttentionMask::Causal => row + 1,
            AttentionMask::Full => start + of.context,
        };
        for head in 0..of.heads {
            let place = |row: usize| row * width + head * of.features;
            let cut = |x: &[f64], row: usize| x[place(row)..][..of.features].to_vec();
            let scale = (of.features as f64).sqrt();
            let weights: Vec<f64> = (start..end)
                .map(|other| (dot(&cut(query, row), &cut(key, other)) / scale).exp())
                .collect();
            let total: f64 = weights.iter().sum();
            for (weight, other) in weights.iter().zip(start..end) {
                for i in 0..of.features {
                    y[place(row) + i] += weight / total * value[place(other) + i];
                }
            }
        }
    }
    y
}

struct Attended {
    y: Vec<f32>,
    gradients: [Vec<f32>; 3],
}

/// The output and gradients of the kernels.
fn by_kernels(of: &Attention, pool: &ThreadPool, inputs: [&[f32]; 3], dy: &[f32]) -> Attended {
    let [query, key, value] = inputs;
    let inputs = Inputs { query, key, value };
    let empty = || vec![f32::NAN; dy.len()];
    let (mut y, mut weights) = (empty(), vec![f32::NAN; of.weights()]);
    let mut gradients = [empty(), empty(), empty()];
    of.forward(pool, inputs, &mut weights, &mut y);
    let [query, key, value] = &mut gradients;
    let into = Gradients { query, key, value };
    of.backward(pool, inputs, &weights, dy, into);
    Attended { y, gradients }
}

fn attentions(
    context: std::ops::Range<usize>,
    features: std::ops::Range<usize>,
) -> impl Strategy<Value = Attention> {
    (1..3usize, context, 1..4usize, features, any::<bool>()).prop_map(
        |(sequences, context, heads, features, causal)| Attention {
            sequences,
            context,
            heads,
            features,
            mask: match causal {
                true => AttentionMask::Causal,
                false => AttentionMask::Full,
            },
        },
    )
}

fn inputs(of: &Attention, seed: u64) -> [Vec<f32>; 4] {
    let count = of.sequences * of.context * of.heads * of.features;
    [0, 1, 2, 3].map(|part| {
        numbers(count, seed + part)
            .iter()
            .map(|x| 2.0 * x)
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attention_matches_the_definition(of in attentions(1..140, 1..70), seed in 0..1000u64) {
        let [query, key, value, dy] = inputs(&of, seed);
        let ours = by_kernels(&of, &ThreadPool::single(), [&query, &key, &value], &dy);
        let expected = definition(&of, [&wide(&query), &wide(&key), &wide(&value)]);
        close(&ours.y, &expected, 1e-5)?;
    }

    #[test]
    fn gradients_of_attention_match_differences(of in attentions(1..8, 1..4), seed in 0..1000u64) {
        let [query, key, value, dy] = inputs(&of, seed);
        let ours = by_kernels(&of, &ThreadPool::single(), [&query, &key, &value], &dy);
        let (q, k, v, dy) = (wide(&query), wide(&key), wide(&value), wide(&dy));
        let value = |parts: [&[f64]; 3]| dot(&definition(&of, parts), &dy);
        close(&ours.gradients[0], &differences(&q, |q| value([q, &k, &v])), 1e-5)?;
        close(&ours.gradients[1], &differences(&k, |k| value([&q, k, &v])), 1e-5)?;
        close(&ours.gradients[2], &differences(&v, |v| value([&q, &k, v])), 1e-5)?;
    }

    #[test]
    fn attention_does_not_depend_on_threads(of in attentions(1..110, 1..40), seed in 0..1000u64) {
        let [query, key, value, dy] = inputs(&of, seed);
        let [one, three] = [1, 3].map(|threads| {
            let pool = ThreadPool::new(threads).unwrap();
            by_kernels(&of, &pool, [&query, &key, &value], &dy)
        });
        prop_assert_eq!(one.y, three.y);
        prop_assert_eq!(one.gradients, three.gradients);
    }

    #[test]
    fn layer_norm_and_its_gradients_match_the_definition(
        (rows, width) in (1..5usize, 1..40usize),
        shift in any::<bool>(),
        seed in 0..1000u64,
    ) {
        let (x, dy) = (numbers(rows * width, seed), numbers(rows * width, seed + 1));
        let (gamma, beta) = (numbers(width, seed + 2), numbers(width, seed + 3));
        let norm = LayerNorm { gamma: &gamma, beta: shift.then_some(&beta), epsilon: 0.1 };
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        let (mut moments, mut sums) = (vec![f32::NAN; 2 * rows], vec![f32::NAN; 2 * width]);
        let pool = ThreadPool::new(2).unwrap();
        norm.forward(&pool, &x, &mut y, &mut moments);
        norm.backward(&pool, [&x, &dy, &moments], &mut dx, &mut sums);

        let expected_of = |x: &[f64], gamma: &[f64], beta: &[f64]| -> Vec<f64> {
            let row = |row: &[f64]| {
                let mean = if shift { row.iter().sum::<f64>() / width as f64 } else { 0.0 };
                let square = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                let root = (square + 0.1f32 as f64).sqrt();
                let number = |i: usize| {
                    (row[i] - mean) / root * gamma[i] + if shift { beta[i] } else { 0.0 }
                };
                (0..width).map(number).collect::<Vec<f64>>()
            };
            x.chunks(width).flat_map(row).collect()
        };
        let (x, dy, g, b) = (wide(&x), wide(&dy), wide(&gamma), wide(&beta));
        close(&y, &expected_of(&x, &g, &b), 2e-6)?;
        close(&dx, &differences(&x, |x| dot(&expected_of(x, &g, &b), &dy)), 2e-5)?;
        close(&sums[..width], &differences(&g, |g| dot(&expected_of(&x, g, &b), &dy)), 1e-5)?;
        if shift {
            close(&sums[width..], &differences(&b, |b| dot(&expected_of(&x, &g, b), &dy)), 1e-5)?;
        }
    }

    #[test]
    fn cross_entropy_matches_the_definition(
        (rows, classes) in (1..6usize, 1..40usize),
        far in -200..200i32,
        seed in 0..1000u64,
    ) {
        let scores: Vec<f32> = numbers(rows * classes, seed).iter().map(|x| 4.0 * x + far as f32).collect();
        let labels: Vec<usize> = (0..rows).map(|row| (row * 7 + seed as usize) % classes).collect();
        let mut gradient = vec![f32::NAN; scores.len()];
        let pool = ThreadPool::new(2).unwrap();
        let loss = cross_entropy::forward(&pool, &scores, &labels, &mut gradient);
        let expected_of = |scores: &[f64]| -> f64 {
            let row = |(row, label): (&[f64], &usize)| {
                row.iter().map(|s| (s - row[*label]).exp()).sum::<f64>().ln()
            };
            scores.chunks(classes).zip(&labels).map(row).sum::<f64>() / rows as f64
        };
        let scores = wide(&scores);
        close(&[loss], &[expected_of(&scores)], 2e-6)?;
        close(&gradient, &differences(&scores, expected_of), 2e-6)?;
    }

    #[test]
    fn column_sums_match_the_definition(rows in 0..3000usize, columns in 1..60usize, seed in 0..1000u64) {
        let numbers = numbers(rows * columns, seed);
        let [one, three] = [1, 3].map(|threads| {
            let mut sums = vec![f32::NAN; columns];
            column_sums(&ThreadPool::new(threads).unwrap(), &numbers, &mut sums);
            sums
        });
        prop_assert_eq!(&one, &three);
        let mut expected = vec![0.0; columns];
        for (index, number) in numbers.iter().enumerate() {
            expected[index % columns] += f64::from(*number);
        }
        // Up to 3000 rounding errors of up to 4e-6 each, for totals of up to 100.
        close(&one, &expected, 1e-3)?;
    }
}
