//! One contract over every schedule, and each one's own claim.

use evenkeel::quantity::LearningRate;
use evenkeel::schedule::{self, Schedule, Shape};

fn shape(text: &str) -> Shape {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
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
        let text = entry.grammar.replace("EVERY", "7").replace("FACTOR", "0.5");
        let text = text.replace("GAMMA", "0.9").replace(":N", ":12");
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
fn nonsense_is_refused_with_what_is_permitted() {
    let message = |text: &str| text.parse::<Shape>().unwrap_err().to_string();
    assert!(message("cosin").contains("constant, linear-warmup:N, cosine"));
    assert!(message("step:0:0.1").contains("step:30:0.1"));
    assert!(message("step:10").contains("step:EVERY:FACTOR"));
    assert!(message("exponential:1.5").contains("at most 1"));
    assert!(message("linear-warmup:ten").contains("linear-warmup:100"));
    assert!(message("cosine:3").contains("without arguments"));
    assert!(message("cosine+constant").contains("write it last"));
}
