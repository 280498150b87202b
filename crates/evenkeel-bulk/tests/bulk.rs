//! The bulk computation against the recurrence that it stands for (T5).

use evenkeel::quantity::{Elr, LearningRate};
use evenkeel::recurrence::sgd;
use evenkeel::spread::{self, Spread};
use evenkeel::warmup::Policy;
use evenkeel_bulk::{BulkSgd, Extremes, LANES, Logs, grid};
use proptest::prelude::*;

fn elr(value: f64) -> Elr {
    Elr::new(value).expect("a positive number")
}

fn lr(value: f64) -> LearningRate {
    LearningRate::new(value).expect("a number of at least 0")
}

/// Layer by layer and step by step.
fn reference(start: &[Elr], lrs: &[LearningRate]) -> Vec<Elr> {
    let roll = |&start: &Elr| lrs.iter().copied().fold(start, sgd::elr);
    start.iter().map(roll).collect()
}

/// The largest relative distance between the bulk result and `expected`.
fn error(bulk: &BulkSgd, expected: &[Elr]) -> f64 {
    assert_eq!(bulk.len(), expected.len());
    bulk.elrs()
        .zip(expected)
        .map(|(got, want)| (got.get() / want.get() - 1.0).abs())
        .fold(0.0, f64::max)
}

/// Positive numbers of `from` to `to` decades, evenly in the logarithm.
fn decades(from: f64, to: f64) -> impl Strategy<Value = f64> {
    (from..to).prop_map(|decade| 10_f64.powf(decade))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn thousands_of_steps_agree_to_1e_13(
        turns in prop::collection::vec(decades(-1.0, 1.0), 1..80),
        rate in decades(-6.0, 6.0),
        steps in 1000..3000_usize,
    ) {
        let start: Vec<Elr> = turns.into_iter().map(|turn| elr(turn / rate)).collect();
        let lrs = vec![lr(rate); steps];
        let mut bulk = BulkSgd::new(&start);
        bulk.run_constant(lr(rate), steps);
        let error = error(&bulk, &reference(&start, &lrs));
        prop_assert!(error < 1e-13, "{error:e}");
    }

    #[test]
    fn any_schedule_agrees_to_the_rounding_of_its_steps(
        start in prop::collection::vec(decades(-20.0, 20.0), 1..80),
        base in decades(-10.0, 10.0),
        // A factor for each step, so that warm-ups and decays occur.
        growth in -0.01..0.01_f64,
        steps in 0..4000_usize,
    ) {
        let start: Vec<Elr> = start.into_iter().map(elr).collect();
        let lrs: Vec<LearningRate> =
            (0..steps).map(|t| lr(base * (growth * t as f64).exp())).collect();
        let mut bulk = BulkSgd::new(&start);
        bulk.run(&lrs);
        let error = error(&bulk, &reference(&start, &lrs));
        prop_assert!(error < (steps as f64 * 2.0 + 10.0) * f64::EPSILON, "{error:e}");
    }

    #[test]
    fn any_range_saturates_as_the_recurrence_does(
        start in prop::collection::vec(decades(-307.0, 308.0), 1..40),
        rates in prop::collection::vec(prop_oneof![Just(0.0), decades(-307.0, 308.0)], 0..20),
    ) {
        let start: Vec<Elr> = start.into_iter().map(elr).collect();
        let mut lrs: Vec<LearningRate> = rates.into_iter().map(lr).collect();
        let mut bulk = BulkSgd::new(&start);
        bulk.run(&lrs);
        if let Some(&last) = lrs.last() {
            bulk.run_constant(last, 15);
            lrs.extend([last; 15]);
        }
        let error = error(&bulk, &reference(&start, &lrs));
        prop_assert!(error < 2e-14, "{error:e}");
    }

    #[test]
    fn a_layer_does_not_depend_on_its_neighbours(
        start in prop::collection::vec(decades(-30.0, 30.0), 1..100),
        rate in decades(-5.0, 5.0),
        steps in 0..1100_usize,
    ) {
        let start: Vec<Elr> = start.into_iter().map(elr).collect();
        let schedule = vec![lr(rate); steps];
        let run = |units: &[Elr]| {
            let mut bulk = BulkSgd::new(units);
            bulk.run(&schedule);
            bulk.run_constant(lr(rate), steps);
            bulk
        };
        for (layer, got) in run(&start).elrs().enumerate() {
            prop_assert_eq!(run(&start[layer..=layer]).elrs().next(), Some(got));
        }
    }
}

#[test]
fn extremes_saturate() {
    let start = [f64::MIN_POSITIVE, 1e-300, 1.0, 1e300, f64::MAX].map(elr);
    for rate in [0.0, f64::MIN_POSITIVE, 1e-150, 1.0, 1e150, f64::MAX] {
        let lrs = [lr(rate); 7];
        let mut bulk = BulkSgd::new(&start);
        bulk.run(&lrs);
        assert!(error(&bulk, &reference(&start, &lrs)) < 1e-14, "{rate:e}");
        let logs = bulk.logs();
        let all = [logs.min, logs.max, logs.mean, logs.std];
        assert!(all.iter().all(|number| number.is_finite()), "{rate:e}");
    }
}

#[test]
fn no_layers_are_no_trouble() {
    let mut none = BulkSgd::new(&[]);
    none.run_constant(lr(1.0), 10);
    none.run_while_looking(3, |_, _| unreachable!("there is nothing to look at"));
    assert!(none.is_empty() && none.extremes().is_none());
    assert_eq!(none.logs().spread(), Spread::default());
}

#[test]
fn the_logs_are_those_of_the_spread() {
    let start: Vec<Elr> = (0..LANES + 5)
        .map(|i| Elr::from_ln((i as f64 * 1.7).sin() * 9.0))
        .collect();
    let logs = BulkSgd::new(&start).logs();
    let (got, want) = (logs.spread(), Spread::of(&start));
    assert!((got.std - want.std).abs() < 1e-13 && (got.range - want.range).abs() < 1e-13);
    let mean = spread::geometric_mean(&start).expect("layers").ln();
    assert!((logs.mean - mean).abs() < 1e-13);
}

#[test]
fn a_grid_is_one_run_a_rate() {
    // Fewer layers than lanes, and more than are worked on at a time.
    for (layers, rates) in [(1, 1), (3, 70), (77, 30), (3000, 2)] {
        let start: Vec<Elr> = (0..layers)
            .map(|i| Elr::from_ln((f64::from(i) * 1.7).sin() * 6.0))
            .collect();
        let rates: Vec<LearningRate> = (0..rates).map(|i| lr(f64::from(i) * 0.1)).collect();
        let points = grid(&start, &rates, 100);
        assert_eq!(points.len(), rates.len());
        for (row, &rate) in points.iter().zip(&rates) {
            let mut alone = BulkSgd::new(&start);
            alone.run_constant(rate, 100);
            assert_eq!(*row, alone.logs());
            let want = Spread::of(&reference(&start, &[rate; 100]));
            let got = row.spread();
            assert!((got.std - want.std).abs() < 1e-12 && (got.range - want.range).abs() < 1e-12);
        }
    }
    assert_eq!(grid(&[], &[lr(1.0)], 3), [Logs::default()]);
}

type Rate = fn(Extremes) -> LearningRate;

/// The policies that `Extremes` is made for, up to a rate of 1.
const POLICIES: [(&str, Rate); 3] = [
    ("no-overshoot", |now| capped(-now.fastest.ln())),
    ("top-pair", |now| {
        capped(-0.5 * (now.fastest.ln() + now.second.ln()))
    }),
    ("minimax", |now| {
        capped(-0.5 * (now.fastest.ln() + now.slowest.ln()))
    }),
];

fn capped(ln_critical: f64) -> LearningRate {
    LearningRate::from_ln(ln_critical.min(0.0))
}

#[test]
fn a_warm_up_is_that_of_its_policy() {
    // One layer, few, and more steps than are done at a time.
    for (layers, steps) in [(1, 20), (50, 100), (200, 4000)] {
        for (name, rate) in POLICIES {
            let policy = Policy::find(name).expect("in the table");
            let mut want: Vec<Elr> = (0..layers)
                .map(|i| Elr::from_ln((f64::from(i) * 1.7).sin() * 6.0))
                .collect();
            let mut bulk = BulkSgd::new(&want);
            bulk.run_while_looking(steps, |_, now| rate(now));
            for _ in 0..steps {
                let critical = policy.critical(&want).expect("layers");
                want = reference(&want, &[critical.min(lr(1.0))]);
            }
            let error = error(&bulk, &want);
            assert!(error < 1e-12, "{name} {layers} {steps} {error:e}");
        }
    }
}

#[test]
fn a_warm_up_without_a_target_goes_on_until_elrs_saturate() {
    let policy = Policy::find("no-overshoot").expect("in the table");
    let mut want: Vec<Elr> = (0..40).map(|i| elr(1.3_f64.powi(i))).collect();
    let mut bulk = BulkSgd::new(&want);
    // ELRs halve at every step.
    bulk.run_while_looking(1100, |_, now| LearningRate::from_ln(-now.fastest.ln()));
    for _ in 0..1100 {
        let critical = policy.critical(&want).expect("layers");
        want = reference(&want, &[critical]);
    }
    assert!(want[0].get() < 1e-300 && error(&bulk, &want) < 1e-11);
}

proptest! {
    #[test]
    fn the_extremes_given_are_those_of_the_layers(
        start in prop::collection::vec(decades(-4.0, 4.0), 1..80),
        // Of the critical rate of the two fastest: no pair flips up to 1.
        share in decades(-1.0, 1.0),
        steps in 1..60_usize,
    ) {
        let start: Vec<Elr> = start.into_iter().map(elr).collect();
        let mut bulk = BulkSgd::new(&start);
        let mut now = start.clone();
        bulk.run_while_looking(steps, |_, given| {
            now.sort_by(|a, b| a.get().total_cmp(&b.get()));
            let (fastest, second) = (now[now.len() - 1], now[now.len().saturating_sub(2)]);
            for (given, found) in [
                (given.slowest, now[0]),
                (given.second, second),
                (given.fastest, fastest),
            ] {
                assert!((given.get() / found.get() - 1.0).abs() < 1e-11, "{given:?} {found:?}");
            }
            let rate = lr(share / (fastest.get() * second.get()).sqrt());
            now = reference(&now, &[rate]);
            rate
        });
        now.sort_by(|a, b| a.get().total_cmp(&b.get()));
        let mut left: Vec<Elr> = bulk.elrs().collect();
        left.sort_by(|a, b| a.get().total_cmp(&b.get()));
        for (got, want) in left.iter().zip(&now) {
            prop_assert!((got.get() / want.get() - 1.0).abs() < 1e-11);
        }
    }
}
