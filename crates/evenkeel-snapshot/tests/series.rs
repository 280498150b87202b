//! Numbers over steps: what is read, what is refused, and the exact words.

use evenkeel_snapshot::{Rates, Scales};
use proptest::prelude::*;

fn rates(text: &str) -> Vec<f64> {
    match Rates::parse("rates", text.as_bytes()) {
        Ok(Rates::Absolute(rates)) => rates.iter().map(|rate| rate.get()).collect(),
        other => panic!("{other:?}: {text:?}"),
    }
}

#[test]
fn many_ways_to_say_the_same() {
    for text in [
        "lr\n0.1\n0\n2.5e-3\n",
        "\u{feff}step,lr\r\n0,0.1\r\n1,0.0\r\n2,0.0025\r\n\r\n",
        "loss, lr ,step,critical_lr\n2.3,0.1,0,\n2.2,0,1.0,0.7\nnan,25e-4,2,\n",
        "[{\"lr\": 0.1}, {\"lr\": 0, \"step\": 1}, {\"lr\": 2.5e-3, \"loss\": null}]",
        "{\"step\":0,\"loss\":2.3,\"lr\":0.1,\"critical_lr\":null}\n{\"step\":1,\"lr\":0}\n\n{\"step\":2,\"lr\":0.0025}\n",
    ] {
        assert_eq!(rates(text), [0.1, 0.0, 0.0025], "{text:?}");
    }
    assert_eq!(rates("lr\n0.1"), [0.1], "one row is a schedule");
}

#[test]
fn shares_are_no_rates_and_scales_are_neither() {
    let shares = Rates::parse("rates", b"step,share\n0,0.5\n1,1\n");
    let Ok(Rates::Shares(shares)) = shares else {
        panic!("{shares:?}");
    };
    assert_eq!(
        shares.iter().map(|share| share.get()).collect::<Vec<_>>(),
        [0.5, 1.0]
    );
    // A column without a value in any row is as good as none.
    assert!(matches!(
        Rates::parse("rates", b"lr,share\n,1\n,0\n"),
        Ok(Rates::Shares(_))
    ));
    let scales = Scales::parse("scales", b"scale,lr,step\n8,0.1,0\n2,0.1,1\n").unwrap();
    assert_eq!(
        scales
            .scales
            .iter()
            .map(|scale| scale.get())
            .collect::<Vec<_>>(),
        [8.0, 2.0]
    );
}

/// Inputs for rates and messages, without the name of the input.
const BAD_RATES: &[(&str, &str)] = &[
    (
        " \n",
        " is empty, but must be a CSV with the columns `lr` or `share`, optionally with `step`, or a JSON list of such objects; check that the tool that writes it has finished",
    ),
    (
        "lr\n\n",
        " holds no step, but must hold at least one; write a row for each step",
    ),
    (
        "step,rate\n0,1\n",
        ", row 1: missing `lr`; found `step`, `rate`, but must have `lr` or `share`, optionally with `step`; rename the columns if they are there under other names",
    ),
    (
        "0.1\n0.2\n",
        ", row 1: missing `lr`; found `0.1`, but must have `lr` or `share`, optionally with `step`; begin the file with these names",
    ),
    (
        "lr,lr\n1,1\n",
        ", row 1, column `lr` comes twice, but must come once; rename or remove one",
    ),
    (
        "lr,share\n1,1\n",
        ", row 2: rates come both as `lr` and as `share`, but must come as one of them throughout; leave one column out",
    ),
    (
        "{\"lr\":1}\n{\"share\":1}\n",
        ", line 2: rates come both as `lr` and as `share`, but must come as one of them throughout; leave one column out",
    ),
    (
        "lr\n0.1\n-0.1\n",
        ", row 3, column `lr` is `-0.1`, but must be finite and at least 0; give the learning rate that the step is to have",
    ),
    (
        "lr\nNaN\n",
        ", row 2, column `lr` is `NaN`, but must be finite and at least 0; give the learning rate that the step is to have",
    ),
    (
        "[{\"lr\":1},{\"lr\":Infinity}]",
        ", item 2, column `lr` is `Infinity`, but must be finite and at least 0; give the learning rate that the step is to have",
    ),
    (
        "lr\n1e999\n",
        ", row 2, column `lr` is `1e999`, but must be finite and at least 0; give the learning rate that the step is to have",
    ),
    (
        "lr\nfast\n",
        ", row 2, column `lr` is `fast`, but must be a number; write it like 0.25 or 2.5e-3",
    ),
    (
        "share\n1\n1.5\n",
        ", row 3, column `share` is `1.5`, but must be from 0 to 1; divide all rates by the largest, or give them as `lr`",
    ),
    (
        "step,lr\n0,1\n1,\n",
        ", row 3, column `lr` is empty, but must be finite and at least 0; give every step a number",
    ),
    (
        "[{\"lr\":1},{\"lr\":null}]",
        ", item 2, column `lr` is empty, but must be finite and at least 0; give every step a number",
    ),
    (
        "lr\n1\n\n\n2\n",
        ", row 3 is blank, but must be a step like those after it; fill it in or take it out",
    ),
    (
        "step,lr\n1,0.1\n",
        ", row 2, column `step` is `1`, but must be 0: steps count from 0 without gaps; write every step once and in order, or leave the column out",
    ),
    (
        "step,lr\n0,0.1\n0,0.1\n",
        ", row 3, column `step` is `0`, but must be 1: steps count from 0 without gaps; write every step once and in order, or leave the column out",
    ),
    (
        "{\"step\":0,\"lr\":1}\n{\"step\":2,\"lr\":1}\n",
        ", line 2, column `step` is `2`, but must be 1: steps count from 0 without gaps; write every step once and in order, or leave the column out",
    ),
    (
        "step,lr\n0,1\n0.5,1\n",
        ", row 3, column `step` is `0.5`, but must be 1: steps count from 0 without gaps; write every step once and in order, or leave the column out",
    ),
    (
        "step,lr\nzero,1\n",
        ", row 2, column `step` is `zero`, but must be a number; write it like 0",
    ),
    (
        "step,lr\n,1\n",
        ", row 2, column `step` is empty, but must be a whole number from 0; give every step a number",
    ),
    (
        "{\"step\":0,\"lr\":0.1}\n{\"step\":1,\"lr\":",
        ", line 2: not JSON at line 2, column 15: EOF while parsing a value; write every object on one line of its own, or all of them as a list",
    ),
    (
        "[0.1, 0.2]",
        ", item 1 is `0.1`, but must be an object with the keys `lr` or `share`, optionally with `step`",
    ),
];

#[test]
fn every_message_is_exact() {
    for (text, message) in BAD_RATES {
        let error = Rates::parse("rates", text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("rates{message}"), "{text:?}");
    }
    for (text, message) in [
        (
            "lr\n1\n",
            ", row 1: missing `scale`; found `lr`, but must have `scale`, optionally with `step`; begin the file with these names",
        ),
        (
            "scale\n1\n0\n",
            ", row 3, column `scale` is `0`, but must be finite and above 0; give a typical gradient norm, or its ratio to that of the first step",
        ),
        (
            "scale,step\n,0\n",
            ", row 2, column `scale` is empty, but must be finite and above 0; give every step a number",
        ),
    ] {
        let error = Scales::parse("scales", text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("scales{message}"), "{text:?}");
    }
}

proptest! {
    /// To the last bit, in every format.
    #[test]
    fn what_is_written_is_read(values in prop::collection::vec(0.0..1e9f64, 1..20)) {
        let lines = |row: &dyn Fn((usize, &f64)) -> String| -> Vec<String> {
            values.iter().enumerate().map(row).collect()
        };
        let csv = lines(&|(step, lr)| format!("{step},{lr}\n")).concat();
        let objects = lines(&|(step, lr)| format!("{{\"step\":{step},\"lr\":{lr:e}}}"));
        prop_assert_eq!(rates(&format!("step,lr\n{csv}")), values.clone());
        prop_assert_eq!(rates(&format!("[{}]", objects.join(","))), values.clone());
        prop_assert_eq!(rates(&objects.join("\n")), values);
    }
}
