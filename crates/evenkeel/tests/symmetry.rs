//! Scaling symmetries (T33–T36) of networks in which they are known.

use chacha20::ChaCha8Rng;
use evenkeel::equalise::rescale_factors_for;
use evenkeel::optimizer::Measure;
use evenkeel::quantity::Elr;
use evenkeel::symmetry::{
    Observations, Symmetries, Symmetry, SymmetryError, charge, equalise, step_change,
};
use networks::{Forward, Network, attend, gained, normals, plus, relu, rms, silu, times};
use proptest::prelude::*;
use rand::SeedableRng;

mod networks;

/// A square matrix.
const M: usize = networks::WIDTH * networks::WIDTH;
/// A gain or a bias.
const V: usize = networks::WIDTH;

fn observed(sizes: &[usize], forward: Forward) -> (Network, Symmetries) {
    let mut network = Network::new(sizes, forward);
    let mut seen = Observations::new(sizes.len());
    for _ in 0..sizes.len() + 20 {
        let batch = network.batch();
        let inner = network.inner_products(&batch);
        let total = inner.iter().fold(1.0f64, |total, x| total.hypot(*x));
        seen.push(&inner, &vec![10.0 * total; sizes.len()]).unwrap();
        network.wander();
    }
    let found = seen.symmetries().unwrap();
    (network, found)
}

/// Finds the symmetries of a network, which must span the same space as `expected`, and holds each
/// against the loss.
fn check(name: &str, sizes: &[usize], forward: Forward, expected: &[&[f64]]) {
    let (mut network, found) = observed(sizes, forward);
    let values = &found.values;
    assert_eq!(found.vectors.len(), expected.len(), "{name}: {found:?}");
    let batch = network.batch();
    let before = network.loss(&vec![0.0; sizes.len()], &batch);
    for symmetry in &found.vectors {
        let exponents = symmetry.exponents();
        assert!(
            exponents.iter().all(|s| s.fract() == 0.0),
            "{name}: {symmetry:?}"
        );
        let ln_factors: Vec<f64> = exponents.iter().map(|s| 0.7 * s).collect();
        let after = network.loss(&ln_factors, &batch);
        assert!(
            (after / before - 1.0).abs() < 1e-6,
            "{name}: {symmetry:?} {values:?}"
        );
    }
    // Together they have the rank of either: the same space.
    let ours = || found.vectors.iter().map(|s| s.exponents().to_vec());
    let theirs = || expected.iter().map(|s| s.to_vec());
    assert_eq!(rank(ours().collect()), expected.len(), "{name}");
    assert_eq!(
        rank(ours().chain(theirs()).collect()),
        expected.len(),
        "{name}: {found:?}"
    );
    // And no vector has more parameters than the sparsest basis needs at most.
    let parts = |s: &[f64]| s.iter().filter(|x| **x != 0.0).count();
    let most = expected.iter().map(|s| parts(s)).max();
    assert!(
        found.vectors.iter().map(|s| parts(s.exponents())).max() <= most,
        "{name}: {found:?}"
    );
}

/// The rank of small whole-number vectors, by elimination.
fn rank(mut rows: Vec<Vec<f64>>) -> usize {
    let mut rank = 0;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let Some(pivot) = (rank..rows.len()).find(|r| rows[*r][column].abs() > 1e-9) else {
            continue;
        };
        rows.swap(rank, pivot);
        let pivot = rows[rank].clone();
        for row in rows.iter_mut().skip(rank + 1) {
            let factor = row[column] / pivot[column];
            row.iter_mut()
                .zip(&pivot)
                .for_each(|(x, p)| *x -= factor * p);
        }
        rank += 1;
    }
    rank
}

#[test]
fn layers_without_norms_balance_each_other() {
    check(
        "ReLU, four layers",
        &[M, M, M, M],
        |p, tokens| {
            let layers = |x: &Vec<f64>| {
                let hidden = p[..3].iter().fold(x.clone(), |x, w| relu(&times(w, &x)));
                times(&p[3], &hidden)
            };
            tokens.iter().map(layers).collect()
        },
        &[
            &[1.0, -1.0, 0.0, 0.0],
            &[0.0, 1.0, -1.0, 0.0],
            &[0.0, 0.0, 1.0, -1.0],
        ],
    );
    check(
        "ReLU with biases",
        &[M, V, M, V, M],
        |p, tokens| {
            let layers = |x: &Vec<f64>| {
                let first = relu(&plus(&times(&p[0], x), &p[1]));
                times(&p[4], &relu(&plus(&times(&p[2], &first), &p[3])))
            };
            tokens.iter().map(layers).collect()
        },
        // A bias grows with all that comes before it.
        &[&[1.0, 1.0, -1.0, 0.0, 0.0], &[0.0, 0.0, 1.0, 1.0, -1.0]],
    );
}

#[test]
fn a_network_without_symmetries_has_none() {
    check(
        "tanh",
        &[M, V, M],
        |p, tokens| {
            let tanh = |x: Vec<f64>| x.iter().map(|x| x.tanh()).collect::<Vec<_>>();
            let layers = |x: &Vec<f64>| times(&p[2], &tanh(plus(&times(&p[0], x), &p[1])));
            tokens.iter().map(layers).collect()
        },
        &[],
    );
}

#[test]
fn scale_invariant_weights_are_unit_vectors() {
    check(
        "norms without gains",
        &[M, M],
        |p, tokens| {
            let layers = |x: &Vec<f64>| rms(&times(&p[1], &relu(&rms(&times(&p[0], x), 0.0))), 0.0);
            tokens.iter().map(layers).collect()
        },
        &[&[1.0, 0.0], &[0.0, 1.0]],
    );
    check(
        "a norm with a gain",
        &[M, V, M],
        |p, tokens| {
            let layers =
                |x: &Vec<f64>| times(&p[2], &relu(&gained(&p[1], &rms(&times(&p[0], x), 0.0))));
            tokens.iter().map(layers).collect()
        },
        &[&[1.0, 0.0, 0.0], &[0.0, 1.0, -1.0]],
    );
}

/// Embedding, gain, q, k, v, o, gain, gate, up, down, gain, head: a block of a pre-norm transformer.
fn transformer(p: &networks::Parameters, tokens: &[Vec<f64>], qk_norm: bool) -> Vec<Vec<f64>> {
    let stream: Vec<Vec<f64>> = tokens.iter().map(|x| times(&p[0], x)).collect();
    let normed: Vec<Vec<f64>> = stream.iter().map(|x| gained(&p[1], &rms(x, 0.0))).collect();
    let project = |w: &Vec<f64>| -> Vec<Vec<f64>> {
        let norm = |x: Vec<f64>| if qk_norm { rms(&x, 0.0) } else { x };
        normed.iter().map(|x| norm(times(w, x))).collect()
    };
    let values: Vec<Vec<f64>> = normed.iter().map(|x| times(&p[4], x)).collect();
    let attended = attend(&project(&p[2]), &project(&p[3]), &values);
    let rest = |(x, attended): (&Vec<f64>, &Vec<f64>)| {
        let x = plus(x, &times(&p[5], attended));
        let normed = gained(&p[6], &rms(&x, 0.0));
        let hidden = gained(&silu(&times(&p[7], &normed)), &times(&p[8], &normed));
        let x = plus(&x, &times(&p[9], &hidden));
        times(&p[11], &gained(&p[10], &rms(&x, 0.0)))
    };
    stream.iter().zip(&attended).map(rest).collect()
}

const SIZES: [usize; 12] = [M, V, M, M, M, M, V, M, M, M, V, M];

#[test]
fn a_pre_norm_transformer_has_the_symmetries_of_its_wiring() {
    let rest: [&[f64]; 4] = [
        // v and o; up and down; the gain of the last norm and the head.
        &[0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0],
        &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0],
        // The residual stream: everything that writes into it.
        &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    ];
    let gain_of_mlp = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, -1.0, 0.0, 0.0];
    let q_and_k: [f64; 12] = [0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let gain = [0.0, 1.0, -2.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let expected = [&rest[..], &[&gain_of_mlp[..], &q_and_k, &gain]].concat();
    check(
        "pre-norm",
        &SIZES,
        |p, tokens| transformer(p, tokens, false),
        &expected,
    );

    let q = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let k = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let gain = [0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let expected = [&rest[..], &[&gain_of_mlp[..], &q, &k, &gain]].concat();
    check(
        "QK-norm",
        &SIZES,
        |p, tokens| transformer(p, tokens, true),
        &expected,
    );
}

#[test]
fn epsilon_breaks_a_symmetry_by_what_it_is_of_the_variance() {
    let broken = |forward: Forward| observed(&[M, M], forward).1.values[1];
    let exact = broken(|p, t| norm_and_head(p, t, 0.0));
    let small = broken(|p, t| norm_and_head(p, t, 1e-6));
    let large = broken(|p, t| norm_and_head(p, t, 1e-4));
    assert!(exact < 1e-9, "{exact}");
    assert!(
        (large / small / 100.0 - 1.0).abs() < 0.05,
        "{large} {small}"
    );
}

fn norm_and_head(p: &networks::Parameters, tokens: &[Vec<f64>], epsilon: f64) -> Vec<Vec<f64>> {
    let layer = |x: &Vec<f64>| times(&p[1], &relu(&rms(&times(&p[0], x), epsilon)));
    tokens.iter().map(layer).collect()
}

/// Batches of a network with the given symmetries, with rounding noise as in single precision.
fn synthetic(
    parameters: usize,
    symmetries: &[Vec<f64>],
    noise: f64,
    batches: usize,
) -> Observations {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut spanning: Vec<Vec<f64>> = Vec::new();
    for symmetry in symmetries {
        let mut rest = symmetry.clone();
        for unit in &spanning {
            let dot: f64 = rest.iter().zip(unit).map(|(a, b)| a * b).sum();
            rest.iter_mut().zip(unit).for_each(|(x, u)| *x -= dot * u);
        }
        let norm = rest.iter().map(|x| x * x).sum::<f64>().sqrt();
        spanning.push(rest.iter().map(|x| x / norm).collect());
    }
    let mut seen = Observations::new(parameters);
    for _ in 0..batches {
        let mut row = normals(&mut rng, parameters);
        for unit in &spanning {
            let dot: f64 = row.iter().zip(unit).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(unit).for_each(|(x, u)| *x -= dot * u);
        }
        let bounds: Vec<f64> = (0..parameters).map(|l| 10.0 + 5.0 * l as f64).collect();
        let errors = normals(&mut rng, parameters);
        let noisy = errors
            .iter()
            .zip(&bounds)
            .map(|(e, bound)| noise * e * bound);
        let row: Vec<f64> = row.iter().zip(noisy).map(|(x, e)| x + e).collect();
        seen.push(&row, &bounds).unwrap();
    }
    seen
}

#[test]
fn symmetries_are_found_in_single_precision() {
    let parameters = 24;
    // Pairs, a group of four, and a gain that is twice as strong.
    let mut symmetries = Vec::new();
    for pair in 0..5 {
        let mut s = vec![0.0; parameters];
        (s[4 * pair], s[4 * pair + 1]) = (1.0, -1.0);
        symmetries.push(s);
    }
    let mut group = vec![0.0; parameters];
    (group[2], group[6], group[10], group[14]) = (1.0, 1.0, 1.0, 1.0);
    let mut gain = vec![0.0; parameters];
    (gain[20], gain[21], gain[22]) = (1.0, -2.0, -1.0);
    symmetries.extend([group, gain]);
    let found = synthetic(parameters, &symmetries, 1e-8, 90)
        .symmetries()
        .unwrap();
    assert!(found.gap.unwrap() > 1e4, "{found:?}");
    let mut ours: Vec<_> = found
        .vectors
        .iter()
        .map(|s| s.exponents().to_vec())
        .collect();
    ours.sort_by(|a, b| a.partial_cmp(b).unwrap());
    symmetries.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(ours, symmetries);
    // Without them chance leaves no gap.
    let none = synthetic(parameters, &[], 1e-8, 90).symmetries().unwrap();
    assert_eq!((none.vectors.len(), none.gap), (0, None));
}

#[test]
fn what_cannot_be_used_is_refused_with_advice() {
    let mut seen = Observations::new(2);
    let message = |error: SymmetryError| error.to_string();
    assert!(message(seen.push(&[1.0], &[1.0, 1.0]).unwrap_err()).contains("1 numbers for 2"));
    let bad = seen.push(&[1.0, f64::NAN], &[1.0, 1.0]).unwrap_err();
    assert!(message(bad).contains("parameter 1"));
    assert!(message(seen.push(&[1.0, 1.0], &[1.0, -1.0]).unwrap_err()).contains("at least 0"));
    assert_eq!(seen.batches(), 0);
    for _ in 0..9 {
        seen.push(&[1.0, 1.0], &[3.0, 3.0]).unwrap();
    }
    assert!(message(seen.symmetries().unwrap_err()).contains("look at 10 or more"));
    // Batches without gradients say nothing, and dead parameters take no part.
    seen.push(&[0.0, 0.0], &[0.0, 0.0]).unwrap();
    assert_eq!(seen.batches(), 9);
    let mut with_dead = Observations::new(3);
    for batch in 0..20 {
        let inner = f64::from(batch).cos();
        with_dead
            .push(&[inner, 0.0, inner], &[3.0, 0.0, 3.0])
            .unwrap();
    }
    let found = with_dead.symmetries().unwrap().vectors;
    assert_eq!(found, [Symmetry::new(vec![1.0, 0.0, -1.0])]);
    assert_eq!(found[0].describe(&["v", "bias", "o"]), "v ↑ o ↓");
    assert_eq!(
        Symmetry::new(vec![1.0, -0.5]).describe(&["g", "q"]),
        "g ↑ q ↓0.5"
    );
}

#[test]
fn a_step_changes_what_gradient_flow_conserves_in_second_order() {
    // T34: two linear layers, w₂w₁ = y with y far off; each step is orthogonal along the symmetry.
    let balance = Symmetry::new(vec![1.0, -1.0]);
    let (mut w, lr) = ([2.0f64, 0.5], 0.01);
    for _ in 0..50 {
        let error = w[0] * w[1] - 3.0;
        let gradient = [error * w[1], error * w[0]];
        let before = charge(&balance, &w.map(f64::abs));
        let change = step_change(&balance, &gradient.map(f64::abs), lr);
        w = [w[0] - lr * gradient[0], w[1] - lr * gradient[1]];
        let after = charge(&balance, &w.map(f64::abs));
        assert!(
            (after - before - change).abs() < 1e-14,
            "{before} {after} {change}"
        );
    }
}

fn unit(parameters: usize, index: usize) -> Symmetry {
    Symmetry::new(
        (0..parameters)
            .map(|l| f64::from(u8::from(l == index)))
            .collect(),
    )
}

proptest! {
    #[test]
    fn on_unit_vectors_equalising_is_rescaling(logs in prop::collection::vec(-6.0..6.0f64, 1..7)) {
        let elrs: Vec<Elr> = logs.into_iter().map(Elr::from_ln).collect();
        let units: Vec<Symmetry> = (0..elrs.len()).map(|l| unit(elrs.len(), l)).collect();
        for measure in [Measure::Gradient, Measure::Update] {
            let found = equalise(measure, &units, &elrs, &vec![true; elrs.len()]);
            let expected = rescale_factors_for(measure, &elrs);
            for (factor, expected) in found.factors.iter().zip(expected) {
                prop_assert!((factor.get() / expected.get() - 1.0).abs() < 1e-9);
            }
            prop_assert!(found.after.range < 1e-9);
        }
    }

    #[test]
    fn no_other_point_of_the_span_has_a_smaller_spread(
        logs in prop::collection::vec(-6.0..6.0f64, 5),
        away in prop::collection::vec(-1.0..1.0f64, 2),
    ) {
        let symmetries = [
            Symmetry::new(vec![1.0, -1.0, 0.0, 0.0, 0.0]),
            Symmetry::new(vec![0.0, 1.0, 1.0, -2.0, 0.0]),
        ];
        let elrs: Vec<Elr> = logs.into_iter().map(Elr::from_ln).collect();
        let counts = [true, true, true, true, true];
        let found = equalise(Measure::Gradient, &symmetries, &elrs, &counts);
        let moved = |elrs: Vec<Elr>, (s, t): (&Symmetry, &f64)| s.moved(Measure::Gradient, &elrs, *t);
        let other = symmetries.iter().zip(&away).fold(found.elrs.clone(), moved);
        let other = evenkeel::spread::Spread::of(&other);
        prop_assert!(found.after.std <= other.std + 1e-12);
        prop_assert!(found.after.std <= found.before.std + 1e-12);
        prop_assert!((0.0..=1.0).contains(&found.gauge_share()));
    }
}

#[test]
fn what_is_gauge_goes_and_what_is_not_stays() {
    let elrs = [1.0, 100.0, 10.0, 7.0].map(|e| Elr::new(e).unwrap());
    // A pair can be balanced, a group moves as a whole, and a gain need not be equal to anything.
    let pair = Symmetry::new(vec![1.0, -1.0, 0.0, 0.0]);
    let found = equalise(
        Measure::Gradient,
        &[pair],
        &elrs[..],
        &[true, true, true, false],
    );
    assert!((found.gauge_share() - 1.0).abs() < 1e-12, "{found:?}");
    assert!((found.factors[0].get() - 10f64.powf(-0.5)).abs() < 1e-12);
    assert_eq!(found.factors[3].get(), 1.0);
    let group = Symmetry::new(vec![1.0, 1.0, 0.0, 0.0]);
    let found = equalise(
        Measure::Gradient,
        &[group],
        &elrs[..],
        &[true, true, true, false],
    );
    // Their mean is that of the third already, so nothing is to be gained.
    assert!(
        found.gauge_share() < 1e-12 && found.factors.iter().all(|f| (f.get() - 1.0).abs() < 1e-9)
    );
    let with_gain = Symmetry::new(vec![0.0, 1.0, 0.0, -1.0]);
    let found = equalise(
        Measure::Update,
        &[with_gain],
        &elrs[..],
        &[true, true, true, false],
    );
    assert!(found.elrs[3].get() > 7.0 && found.elrs[1].get() < 100.0);
    let nothing = equalise(Measure::Gradient, &[], &elrs[..], &[true; 4]);
    assert_eq!(
        (nothing.gauge_share(), nothing.before),
        (0.0, nothing.after)
    );
}
