//! `forecast` and `advise` as scripts and people use them.

mod common;
#[path = "common/piped.rs"]
mod piped;

use std::process::Output;

use common::{numbers, text};
use piped::{NETWORK, close, evenkeel, json};
use serde_json::Value;

#[test]
fn the_json_of_a_forecast_keeps_the_contract_and_the_reference_values() {
    let run = json(
        &["forecast", "-", "--lr", "0.1", "--steps", "100", "--json"],
        NETWORK,
    );
    assert_eq!(run["layers"], serde_json::json!(["a", "b", "c", "d", "e"]));
    assert_eq!(numbers(&run["lr"]), vec![0.1; 100]);
    let elr = run["elr"].as_array().unwrap();
    assert_eq!(elr.len(), 101);
    let last = [
        0.00199999200005,
        0.0299730362743,
        0.348125986753,
        0.696666417114,
        0.649640896696,
    ];
    for (actual, expected) in numbers(&elr[100]).into_iter().zip(last) {
        close(actual, expected);
    }
    let (std, range) = (
        numbers(&run["spread"]["std"]),
        numbers(&run["spread"]["range"]),
    );
    assert_eq!((std.len(), range.len()), (101, 101));
    close(std[100], 2.26188406513);
    close(range[0], 10.3089526606);
    let critical = run["critical"].as_object().unwrap();
    let names: Vec<&str> = critical.keys().map(String::as_str).collect();
    assert_eq!(names, ["min_spread", "minimax", "no_overshoot", "top_pair"]);
    assert_eq!(run["warmup_steps"], 0);
}

#[test]
fn a_warm_up_ends_by_itself() {
    let arguments = [
        "forecast",
        "-",
        "--lr",
        "0.1",
        "--steps",
        "20",
        "--json",
        "--warmup",
        "no-overshoot",
    ];
    let run = json(&arguments, NETWORK);
    let lr = numbers(&run["lr"]);
    close(lr[0], 1.0 / 60.0);
    let steps = run["warmup_steps"].as_u64().unwrap() as usize;
    assert!(steps > 0 && lr[..steps].iter().all(|lr| *lr < 0.1));
    assert!(lr[steps..].iter().all(|lr| *lr == 0.1), "{lr:?}");
}

#[test]
fn momentum_and_decay_follow_their_recurrences() {
    // T16 written out: M, B, A with c = 1, so that A = 1/E.
    let (lr, mu, gamma) = (0.5, 0.9, 0.01);
    let arguments = [
        "forecast",
        "-",
        "--lr",
        "0.5",
        "--steps",
        "50",
        "--json",
        "--momentum",
        "0.9",
        "--weight-decay",
        "0.01",
    ];
    let coupled = json(&arguments, NETWORK);
    let (mut a, mut b, mut m) = (1.0 / 5.0, 0.0, 0.0);
    for step in 0..50 {
        close(numbers(&coupled["elr"][step])[3], 1.0 / a);
        m = mu * mu * m + 1.0 / a + gamma * gamma * a + 2.0 * mu * gamma * b;
        let p = mu * b + gamma * a;
        (a, b) = (a - 2.0 * lr * p + lr * lr * m, p - lr * m);
    }
    // T17: decoupled decay is another path.
    let mut more = arguments.to_vec();
    more.push("--decoupled");
    assert_ne!(json(&more, NETWORK)["elr"], coupled["elr"]);
}

#[test]
fn adamw_goes_by_the_number_of_weights() {
    let input = "layer,weight_norm,grad_norm,numel\na,10,1,10000\nb,1,1,10000\n";
    let arguments = [
        "forecast",
        "-",
        "--lr",
        "0.01",
        "--steps",
        "3",
        "--json",
        "--optimizer",
        "adamw",
    ];
    let run = json(&arguments, input);
    assert_eq!(numbers(&run["elr"][0]), [10.0, 100.0]);
    let missing = evenkeel(&arguments, "layer,weight_norm,grad_norm\na,10,1\n");
    assert_eq!(missing.status.code(), Some(3));
    assert!(
        text(&missing.stderr).contains("numel"),
        "{}",
        text(&missing.stderr)
    );
}

#[test]
fn tables_csv_figures_and_architectures() {
    let table = evenkeel(&["forecast", "-", "--lr", "0.1", "--steps", "30"], NETWORK);
    insta::assert_snapshot!("forecast-table", text(&table.stdout));
    let csv = evenkeel(
        &["forecast", "-", "--lr", "0.1", "--steps", "2", "--csv"],
        NETWORK,
    );
    let csv = text(&csv.stdout);
    assert!(
        csv.starts_with("step,lr,spread_std,spread_range,a,b,c,d,e\n0,0.1,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 4);

    let folder = std::env::temp_dir().join(format!("evenkeel-plot-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, start) in [
        ("f.svg", "<svg"),
        ("f.html", "<!doctype html>"),
        ("f.png", "\u{89}PNG"),
    ] {
        let path = folder.join(name);
        let arguments = [
            "forecast",
            "--synthetic",
            "bn-relu:50",
            "--lr",
            "1",
            "--steps",
            "9",
            "--plot",
            path.to_str().unwrap(),
        ];
        assert!(evenkeel(&arguments, "").status.success());
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(
            bytes[1..4],
            start
                .bytes()
                .skip(start.find('P').unwrap_or(1))
                .take(3)
                .collect::<Vec<_>>()[..],
            "{name}"
        );
        if name == "f.svg" {
            // All three figures, in one document.
            let svg = text(&bytes);
            assert_eq!(svg.matches("</svg>").count(), 1);
            assert!(
                ["Forecast of", "Spread", "Learning rate"]
                    .iter()
                    .all(|title| svg.contains(title))
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    // 49 ratios of √(π/(π−1)), in natural logarithms.
    let run = json(
        &[
            "forecast",
            "--synthetic",
            "bn-relu:50",
            "--lr",
            "1",
            "--steps",
            "1",
            "--json",
        ],
        "",
    );
    close(
        numbers(&run["spread"]["range"])[0],
        49.0 * 0.5 * (std::f64::consts::PI / (std::f64::consts::PI - 1.0)).ln(),
    );
}

#[test]
fn architectures_with_batches_cautions_and_adam() {
    let start = |architecture: &str, optimizer: &str| {
        let mut arguments = vec!["forecast", "--synthetic", architecture, "--lr", "1"];
        arguments.extend(["--steps", "1", "--json", "--optimizer", optimizer]);
        let run = evenkeel(&arguments, "");
        let value: Value = serde_json::from_slice(&run.stdout).unwrap();
        (numbers(&value["elr"][0]), text(&run.stderr))
    };
    // (B − 2)/(B − 3) in the square, per layer.
    let (elrs, silent) = start("bn-identity:3:0.5:batch=16", "sgd");
    close(elrs[0], 0.5 * 14.0 / 13.0);
    close(elrs[2], 0.5);
    assert_eq!(silent, "");
    let (_, caution) = start("bn-silu:3:batch=128", "sgd");
    assert!(
        caution.contains("drift apart by a factor 1.08"),
        "{caution}"
    );
    let (elrs, why) = start("bn-relu:3", "adamw");
    assert_eq!(elrs, [0.1; 3]);
    assert!(why.contains("do not depend on gradients"), "{why}");
}

#[test]
fn advice_in_words_and_numbers() {
    let words = evenkeel(&["advise", "-", "--lr", "0.1"], NETWORK);
    assert!(words.status.success());
    insta::assert_snapshot!("advise", text(&words.stdout));
    let advice = json(&["advise", "-", "--lr", "0.1", "--json"], NETWORK);
    let elrs = [0.002, 0.03, 0.4, 5.0, 60.0];
    let mean: f64 = elrs.iter().map(|e: &f64| e.ln()).sum::<f64>() / 5.0;
    for (index, elr) in elrs.iter().enumerate() {
        close(
            numbers(&advice["rescale_factors"])[index],
            (elr / mean.exp()).sqrt(),
        );
        close(numbers(&advice["lr_multipliers"])[index], mean.exp() / elr);
    }
    assert_eq!(advice["pairs"]["flipped"], 1);
    assert_eq!(advice["control"], "band:0.5:1+max-angle:0.1");
    let growth = advice["growth_per_layer"]["value"].as_f64().unwrap();
    assert_eq!(advice["growth_per_layer"]["direction"], "output");
    assert!(advice["growth_per_layer"]["r2"].as_f64().unwrap() > 0.95);
    // It was measured for gradients that grow towards the input.
    assert_eq!(advice["confidence"], "low");
    // The slope over evenly spaced layers.
    let slope = elrs
        .iter()
        .zip(-2..)
        .map(|(elr, x)| f64::from(x) * elr.ln());
    close(growth, (slope.sum::<f64>() / 10.0).exp());
    assert_eq!(advice["pairs"]["converging"], 9);
    // Where there is nothing to mend, where that is in doubt, and where it is not.
    for (elr, doubt, nothing) in [
        (1.1, false, true),
        (31.0, true, false),
        (120.0, false, false),
    ] {
        let norms = format!("layer,elr\na,1\nb,{elr}\n");
        let advice = evenkeel(&["advise", "-", "--lr", "0.1"], &norms);
        let says = |what: &str| text(&advice.stdout).contains(what);
        assert_eq!(says("Nothing needs to change"), nothing, "{elr}");
        assert_eq!(says("compare before you change anything"), doubt, "{elr}");
    }
}

#[test]
fn what_is_wrong_is_said_and_coded() {
    let cases: [(&[&str], &str, i32, &str); 13] = [
        (&["-", "--lr", "nan"], NETWORK, 2, "finite and at least 0"),
        (
            &["-", "--lr", "1", "--warmup", "fast"],
            NETWORK,
            2,
            "no-overshoot, top-pair",
        ),
        (
            &["-", "--lr", "1", "--momentum", "1"],
            NETWORK,
            2,
            "below 1",
        ),
        (
            &["-", "--lr", "1", "--schedule", "triangle"],
            NETWORK,
            2,
            "one-cycle",
        ),
        (
            &["--synthetic", "vgg", "--lr", "1"],
            "",
            2,
            "one of bn, ln, rms",
        ),
        (
            &["--synthetic", "bn-relu:0", "--lr", "1"],
            "",
            2,
            "from 1 to 100000",
        ),
        (
            &["--synthetic", "bn-relu:9:0", "--lr", "1"],
            "",
            2,
            "above 0",
        ),
        (
            &["--synthetic", "bn-relu:9:batch=3", "--lr", "1"],
            "",
            2,
            "at least 4",
        ),
        (
            &["--synthetic", "ln-relu:9:batch=8", "--lr", "1"],
            "",
            2,
            "leave batch= out",
        ),
        (&["no-such-file", "--lr", "1"], "", 3, "no-such-file"),
        (&["-", "--lr", "1"], "", 3, "empty"),
        (&["-", "--lr", "1"], "layer,elr\na,0.1\na,0.2\n", 3, "`a`"),
        (
            &["-", "--lr", "1"],
            "layer,elr\na,-1\n",
            3,
            "standard input, row 2",
        ),
    ];
    for (arguments, input, code, expected) in cases {
        let mut all = vec!["forecast", "--steps", "5"];
        all.extend(arguments);
        let run = evenkeel(&all, input);
        let message = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(!message.contains("panicked") && run.stdout.is_empty());
    }
}

#[test]
fn the_phase_diagram_as_csv() {
    let small = [
        "phase",
        "--points",
        "5",
        "--layers",
        "6",
        "--control",
        "none,hold",
    ];
    let run = evenkeel(&[&small[..], &["--csv"]].concat(), "");
    let csv = text(&run.stdout);
    assert_eq!(csv.lines().count(), 1 + 2 * 25);
    assert!(
        csv.starts_with("control,decades,lr,steps,regime\nnone,"),
        "{csv}"
    );
    // Held networks are equal at once, at any rate and spread.
    assert!(
        csv.lines()
            .filter(|line| line.starts_with("hold"))
            .all(|line| line.contains(",0,"))
    );
    // Beyond the critical rate of the extremes, which is 1 here, their order flips.
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let lr: f64 = fields[2].parse().unwrap();
        let expected = if (lr - 1.0).abs() < 1e-9 {
            "critical"
        } else if lr < 1.0 {
            "converging"
        } else {
            "flipped"
        };
        assert_eq!(fields[4], expected, "{line}");
    }
    let bad = evenkeel(&["phase", "--decades", "0"], "");
    assert_eq!(bad.status.code(), Some(2));
}

/// A forecast of the reference network with drift by numbers.
fn with_drift(drift: &str, more: &[&str]) -> Output {
    let mut arguments = vec![
        "forecast", "-", "--lr", "1", "--steps", "30", "--drift", drift,
    ];
    arguments.extend(more);
    evenkeel(&arguments, NETWORK)
}

#[test]
fn drift_adds_bands_and_says_where_trust_ends() {
    let drift = "shift=-0.5,scatter=0.2,reach=0.5,noise=0.05";
    let output = with_drift(drift, &["--json"]);
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bands = &run["bands"];
    assert_eq!(
        (&bands["drift"], &bands["members"]),
        (&drift.into(), &200.into())
    );
    let range = ["low", "middle", "high"].map(|name| numbers(&bands["range"][name]));
    assert_eq!(range.clone().map(|values| values.len()), [31; 3]);
    // The first state was measured; afterwards, possible networks differ.
    close(range[0][0], range[2][0]);
    assert!(range[0][30] < range[1][30] && range[1][30] < range[2][30]);
    let trusted = bands["trusted_states"].as_u64().unwrap();
    assert!((1..31).contains(&trusted), "{trusted}");
    // The forecast itself is the same, and so are the bands of a seed.
    let plain = json(
        &["forecast", "-", "--lr", "1", "--steps", "30", "--json"],
        NETWORK,
    );
    assert_eq!(plain["elr"], run["elr"]);
    assert_eq!(
        output.stdout,
        with_drift(drift, &["--json", "--seed", "0"]).stdout
    );
    assert_ne!(
        output.stdout,
        with_drift(drift, &["--json", "--seed", "1"]).stdout
    );
    let table = text(&with_drift(drift, &[]).stdout);
    assert!(
        table.contains("decades (90 % band)") && table.contains("is out of the band"),
        "{table}"
    );
}

#[test]
fn drift_that_is_none_is_refused_with_what_is_permitted() {
    for (drift, more, expected) in [
        (
            "speed=1",
            &[][..],
            "unknown drift `speed=1`; permitted: shift=, scatter=, reach=, noise=",
        ),
        ("noise=-1", &[], "drift `noise=-1` must be from 0 to 100"),
        (
            "noise=0",
            &["--members", "0"],
            "--members is 0, but must be from 1 to 100000",
        ),
    ] {
        let refused = with_drift(drift, more);
        assert_eq!(refused.status.code(), Some(2));
        let message = text(&refused.stderr);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn drift_is_measured_on_a_run_and_tried_on_it() {
    let out = std::env::temp_dir().join(format!("evenkeel-drift-{}", std::process::id()));
    let folder = out.to_str().unwrap();
    let trained = evenkeel(
        &[
            "train",
            "--depth",
            "6",
            "--width",
            "16",
            "--batch-size",
            "32",
            "--steps",
            "20",
            "--control",
            "none,hold",
            "--out",
            folder,
        ],
        "",
    );
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let found = json(&["drift", folder, "--json"], "");
    let runs = found.as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert!(run["noise"].as_f64().unwrap() > 0.0 && run["path"].as_f64().unwrap() > 0.0);
        let held = run["run"].as_str().unwrap().ends_with("hold");
        assert_eq!(
            run["in_band"].is_null(),
            held,
            "held ELRs leave nothing to predict"
        );
    }
    // What was measured there can be used elsewhere.
    let free = format!("{folder}/none");
    let table = evenkeel(&["drift", folder, "--with", &free], "");
    assert!(text(&table.stdout).contains("turned (rad)"));
    let bands = evenkeel(
        &[
            "forecast", &free, "--lr", "0.1", "--steps", "5", "--drift", &free,
        ],
        "",
    );
    assert!(
        text(&bands.stdout).contains("Drift: shift"),
        "{}",
        text(&bands.stderr)
    );
    let both = evenkeel(
        &[
            "forecast", &free, "--lr", "0.1", "--steps", "5", "--drift", folder,
        ],
        "",
    );
    assert!(text(&both.stderr).contains("holds 2 runs; give the folder of one"));
    std::fs::remove_dir_all(out).unwrap();
}
