//! Published numbers: 30-digit arithmetic on E₀ = [0.002, 0.03, 0.4, 5, 60], to 1e-11.

use evenkeel::control::Controls;
use evenkeel::forecast::{Forecast, Forecaster};
use evenkeel::quantity::{Elr, LearningRate};

const START: [f64; 5] = [0.002, 0.03, 0.4, 5.0, 60.0];

fn roll_out(control: &str, lr: f64, steps: usize) -> Forecast {
    let elrs = START.map(|e| Elr::new(e).unwrap());
    let controls: Controls = control.parse().unwrap();
    let lr = LearningRate::new(lr).unwrap();
    Forecaster::new(&elrs, |_| lr)
        .controls(controls.clone())
        .run(steps)
}

fn assert_close(actual: f64, expected: f64) {
    let error = (actual / expected - 1.0).abs();
    assert!(
        error < 1e-11,
        "{actual} instead of {expected}: off by {error:e}"
    );
}

#[test]
fn the_initial_spread() {
    let start = roll_out("none", 0.1, 0).spreads[0];
    assert_close(start.range, 10.3089526606);
    assert_close(start.std, 3.63985192751);
}

#[test]
fn a_hundred_steps_of_a_constant_rate() {
    let cases = [
        (
            0.1,
            [
                0.00199999200005,
                0.0299730362743,
                0.348125986753,
                0.696666417114,
                0.649640896696,
            ],
            2.26188406513,
        ),
        (
            1.0,
            [
                0.00199920047808,
                0.0276163662849,
                0.0693301519118,
                0.0665028082847,
                0.0162220843949,
            ],
            1.2982860518,
        ),
    ];
    for (lr, elrs, std) in cases {
        let run = roll_out("none", lr, 100);
        for (elr, expected) in run.elrs[100].iter().zip(elrs) {
            assert_close(elr.get(), expected);
        }
        assert_close(run.spreads[100].std, std);
    }
}

#[test]
fn warm_ups_uncapped() {
    let cases = [
        (
            "critical:no-overshoot",
            0.0166666666667,
            [(1, 9.6158054812), (5, 6.84321713673), (10, 3.37786911061)],
        ),
        (
            "critical:top-pair",
            0.057735026919,
            [(1, 7.74400331652), (5, 4.97143055521), (10, 1.52190101074)],
        ),
        (
            "critical:minimax",
            2.88675134595,
            [(1, 4.45105283894), (2, 1.51190538024), (3, 0.0472323908351)],
        ),
    ];
    for (control, first_lr, ranges) in cases {
        let run = roll_out(control, 1e9, 10);
        assert_close(run.lrs[0].get(), first_lr);
        for (step, range) in ranges {
            assert_close(run.spreads[step].range, range);
        }
        assert_eq!(
            run.warmup_steps, None,
            "{control} never reaches so high a target"
        );
    }
}
