//! One contract over every schedule, and each one's own claim.

use evenkeel::quantity::{LearningRate, PeakShare};
use evenkeel::schedule::{self, Schedule, ScheduleError, Shape, Table};
use proptest::prelude::*;

fn shape(text: &str) -> Shape {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The grammar with a value for every placeholder.
fn example(entry: &schedule::Entry) -> String {
    let values = [
        ("EVERY", "7"),
        ("FACTOR", "0.5"),
        ("GAMMA", "0.9"),
        ("START", "0.01"),
        ("TIMES", "3"),
        (":N", ":12"),
    ];
    values
        .iter()
        .fold(entry.grammar.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
}

fn rates(text: &str, steps: usize) -> Vec<f64> {
    let peak = LearningRate::new(2.0).unwrap();
    let schedule = Schedule::new(shape(text), peak, steps);
    (0..=steps + 3)
        .map(|step| schedule.at(step).get())
        .collect()
}

fn assert_close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-12, "{actual} {expected}");
}

#[test]
fn every_schedule_stays_between_zero_and_its_peak() {
    for entry in schedule::ALL {
        let text = example(entry);
        assert_eq!(shape(&text).to_string(), text);
        for alone_or_after in [text.clone(), format!("linear-warmup:5+{text}")] {
            for steps in [0, 1, 2, 3, 5, 6, 100] {
                let rates = rates(&alone_or_after, steps);
                assert!(
                    rates.iter().all(|rate| (0.0..=2.0).contains(rate)),
                    "{alone_or_after}"
                );
                assert_eq!(rates[steps], rates[steps + 3], "steady after the end");
            }
            let longest = rates(&alone_or_after, 100);
            assert_close(longest.iter().copied().fold(0.0, f64::max), 2.0);
        }
    }
}

#[test]
fn each_does_what_it_says() {
    assert_eq!(rates("constant", 3)[..4], [2.0; 4]);
    assert_eq!(
        rates("linear-warmup:4", 6)[..6],
        [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    );
    let cosine = rates("cosine", 8);
    assert_close(cosine[0], 2.0);
    assert_close(cosine[4], 1.0);
    assert_close(cosine[8], 0.0);
    assert_eq!(rates("linear", 4)[..5], [2.0, 1.5, 1.0, 0.5, 0.0]);
    assert_eq!(rates("step:2:0.5", 6)[..6], [2.0, 2.0, 1.0, 1.0, 0.5, 0.5]);
    assert_close(rates("exponential:0.9", 6)[5], 2.0 * 0.9f64.powi(5));
    // PyTorch's OneCycleLR over 20 steps: starts at 1/25, peaks at step 0.3·20 − 1, ends at 4e-6.
    let cycle = rates("one-cycle", 20);
    assert_close(cycle[0], 2.0 / 25.0);
    assert_close(cycle[5], 2.0);
    assert_close(cycle[19], 2.0 / 25.0 / 1e4);
    // A warm-up goes before, and what follows has the steps that are left.
    let both = rates("linear-warmup:4+cosine", 12);
    assert_eq!(both[..4], rates("linear-warmup:4", 12)[..4]);
    assert_eq!(both[4..12], cosine[..8]);
}

#[test]
fn every_warm_up_is_its_decay_backwards() {
    // A decay that lasts as long as the warm-up; `step` counts the stair at the peak, too.
    for (warmup, decay, steps) in [
        ("linear-warmup:12", "linear", 12),
        ("cosine-warmup:12", "cosine", 12),
        ("step-warmup:3:0.1:4", "step:3:0.1", 15),
        (
            "exponential-warmup:12:0.04",
            "exponential:0.764724491331730",
            12,
        ),
    ] {
        let (up, down) = (rates(warmup, steps), rates(decay, steps));
        for step in 0..steps {
            assert_close(up[step], down[steps - 1 - step]);
        }
        assert_close(up[steps - 1], 2.0);
        let warm = rates(&format!("{warmup}+linear"), 100);
        assert!(warm[..12].is_sorted() && warm[12..].is_sorted_by(|a, b| a >= b));
    }
    // He et al. 2016: a tenth of the rate for 400 steps.
    let constant = rates("step-warmup:400:0.1:1", 1000);
    assert!(
        constant[..400]
            .iter()
            .all(|rate| (rate - 0.2).abs() < 1e-12)
    );
    assert!(constant[400..].iter().all(|rate| *rate == 2.0));
}

#[test]
fn a_table_holds_its_last_rate() {
    let rates = [0.5, 0.0, 3.0].map(|rate| LearningRate::new(rate).unwrap());
    let schedule = Schedule::from(Table::of_rates(rates.to_vec()).unwrap());
    let at = |step| schedule.at(step).get();
    assert_eq!(
        [at(0), at(1), at(2), at(3), at(usize::MAX)],
        [0.5, 0.0, 3.0, 3.0, 3.0]
    );
    assert_eq!(Table::of_rates(vec![]), Err(ScheduleError::NoRates));
}

proptest! {
    #[test]
    fn a_schedule_written_out_is_itself(row in 0..schedule::ALL.len(), peak in 0.0..1e3f64, steps in 1usize..60) {
        let shape = shape(&example(&schedule::ALL[row]));
        let peak = LearningRate::new(peak).unwrap();
        let schedule = Schedule::new(shape.clone(), peak, steps);
        let rates: Vec<LearningRate> = (0..=steps).map(|step| schedule.at(step)).collect();
        let shares = (0..=steps).map(|step| PeakShare::new(shape.share(step, steps)).unwrap());
        let shares: Vec<PeakShare> = shares.collect();
        let of_rates = Schedule::from(Table::of_rates(rates).unwrap());
        let of_shares = Schedule::from(Table::of_shares(&shares, peak).unwrap());
        for step in 0..steps + 9 {
            prop_assert_eq!(of_rates.at(step), schedule.at(step));
            prop_assert_eq!(of_shares.at(step), schedule.at(step));
        }
    }
}

#[test]
fn nonsense_is_refused_with_what_is_permitted() {
    let message = |text: &str| text.parse::<Shape>().unwrap_err().to_string();
    assert!(message("cosin").contains("constant, linear-warmup:N, cosine"));
    assert!(message("step:0:0.1").contains("step:30:0.1"));
    assert!(message("step:10").contains("step:EVERY:FACTOR"));
    assert!(message("exponential:1.5").contains("at most 1"));
    assert!(message("linear-warmup:ten").contains("linear-warmup:100"));
    assert!(message("step-warmup:9:0.1").contains("step-warmup:400:0.1:1"));
    assert!(message("exponential-warmup:9:2").contains("share above 0 and at most 1"));
    assert!(message("linear+constant").contains("write it last"));
    assert!(message("cosine:3").contains("without arguments"));
    assert!(message("cosine+constant").contains("write it last"));
}
