//! `forecast` and `advise` as scripts and people use them.

mod common;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use common::{numbers, text};
use serde_json::Value;

/// The network of the published reference values.
const NETWORK: &str = "layer,elr\na,0.002\nb,0.03\nc,0.4\nd,5\ne,60\n";

/// Runs the program with `input` on standard input.
fn evenkeel(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments closes its input early.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn json(arguments: &[&str], input: &str) -> Value {
    let run = evenkeel(arguments, input);
    assert!(run.status.success(), "{}", text(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

fn close(actual: f64, expected: f64) {
    assert!(
        (actual / expected - 1.0).abs() < 1e-11,
        "{actual} instead of {expected}"
    );
}

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

/// A folder that belongs to one test and goes when it ends.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, below: &str) -> String {
        self.0.join(below).to_str().unwrap().to_owned()
    }

    /// Writes a file, and returns its path.
    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `forecast` of the network of reference over 20 steps, with more arguments.
fn forecast(format: &str, more: &[&str]) -> String {
    let arguments = [&["forecast", "-", "--steps", "20", format], more].concat();
    let run = evenkeel(&arguments, NETWORK);
    assert!(run.status.success(), "{more:?}: {}", text(&run.stderr));
    text(&run.stdout)
}

#[test]
fn a_schedule_written_out_is_the_schedule() {
    let folder = Folder::new("written-out");
    for schedule in [
        "constant",
        "linear-warmup:5+cosine",
        "cosine-warmup:5+linear",
        "step-warmup:3:0.1:2+step:4:0.5",
        "exponential-warmup:5:0.01+exponential:0.9",
        "one-cycle",
    ] {
        for more in [&["--control", "critical"][..], &["--momentum", "0.9"]] {
            // The rates as the schedule has them, also where a control uses smaller ones.
            let csv = |lr| forecast("--csv", &["--lr", lr, "--schedule", schedule]);
            let column = |csv: &str, name: &str| {
                let fields = csv.lines().filter_map(|line| line.split(',').nth(1));
                let rows: Vec<&str> = fields.skip(1).take(20).collect();
                folder.file(name, &format!("{name}\n{}\n", rows.join("\n")))
            };
            let rates = format!("file:{}", column(&csv("0.3"), "lr"));
            let shares = format!("file:{}", column(&csv("1"), "share"));
            let named = [&["--lr", "0.3", "--schedule", schedule], more].concat();
            let expected = forecast("--json", &named);
            let absolute = [&["--schedule", &rates], more].concat();
            assert_eq!(forecast("--json", &absolute), expected, "{schedule}");
            let of_peak = [&["--lr", "0.3", "--schedule", &shares], more].concat();
            assert_eq!(forecast("--json", &of_peak), expected, "{schedule}");
        }
    }
    // After the last row its rate holds: a single row is a constant.
    let single = folder.file("single", r#"[{"lr": 0.3}]"#);
    assert_eq!(
        forecast("--json", &["--schedule", &format!("file:{single}")]),
        forecast("--json", &["--lr", "0.3"])
    );
}

#[test]
fn only_ratios_of_gradient_scales_count() {
    let folder = Folder::new("scales");
    let steady = folder.file("steady", &("scale\n".to_owned() + &"2.5\n".repeat(20)));
    for more in [&["--momentum", "0.9"][..], &["--control", "critical"]] {
        let alone = [&["--lr", "0.3"], more].concat();
        let scaled = [&["--gradient-scale", &steady], &alone[..]].concat();
        assert_eq!(forecast("--json", &scaled), forecast("--json", &alone));
    }
    // Half the gradient is half the ELR at once, and from then on half the rate (T20).
    let halved = folder.file(
        "halved",
        "{\"step\":0,\"scale\":3}\n{\"step\":1,\"scale\":1.5}\n",
    );
    let arguments = ["forecast", "-", "--lr", "0.3", "--steps", "9", "--json"];
    let scaled = evenkeel(
        &[&arguments[..], &["--gradient-scale", &halved]].concat(),
        NETWORK,
    );
    assert!(text(&scaled.stderr).contains("ends after 2 of 9 steps; the last scale holds"));
    let scaled: Value = serde_json::from_slice(&scaled.stdout).unwrap();
    let rates = folder.file("rates", "lr\n0.3\n0.15\n");
    let slower = ["forecast", "-", "--steps", "9", "--json", "--schedule"];
    let slower = json(
        &[&slower[..], &[&format!("file:{rates}")]].concat(),
        NETWORK,
    );
    for step in 1..=9 {
        for (half, whole) in numbers(&scaled["elr"][step])
            .iter()
            .zip(numbers(&slower["elr"][step]))
        {
            close(2.0 * half, whole);
        }
    }
    // The update of Adam has an ELR without gradients, and its first step a length without, too.
    let adam = [
        "forecast",
        "-",
        "--lr",
        "0.01",
        "--steps",
        "9",
        "--json",
        "--optimizer",
        "adamw",
    ];
    let sizes = "layer,weight_norm,grad_norm,numel\na,10,1,10000\nb,1,1,10000\n";
    let steady = json(&adam, sizes);
    let scaled = json(&[&adam[..], &["--gradient-scale", &halved]].concat(), sizes);
    assert_eq!(scaled["elr"][1], steady["elr"][1]);
    assert_ne!(
        scaled["elr"][9], steady["elr"][9],
        "moments remember the first gradient"
    );
}

#[test]
fn a_run_is_replayed_from_its_own_records() {
    let folder = Folder::new("replay");
    let out = folder.path("r");
    let train = [
        "train",
        "--out",
        &out,
        "--depth",
        "1",
        "--width",
        "16",
        "--batch-size",
        "64",
        "--steps",
        "12",
        "--control",
        "none,linear:4",
    ];
    assert!(evenkeel(&train, "").status.success());
    for control in ["none", "linear-4"] {
        let run = format!("{out}/{control}");
        let schedule = format!("file:{run}/steps.jsonl");
        let arguments = [
            "forecast",
            &run,
            "--schedule",
            &schedule,
            "--gradient-scale",
            "measured",
            "--steps",
            "12",
            "--json",
        ];
        let replayed = json(&arguments, "");
        let lines = |file: &str| -> Vec<Value> {
            let text = std::fs::read_to_string(format!("{run}/{file}")).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        let rates: Vec<f64> = lines("steps.jsonl")
            .iter()
            .map(|line| line["lr"].as_f64().unwrap())
            .collect();
        assert_eq!(numbers(&replayed["lr"]), rates);
        // With a single layer the measured scale says all that its base gradient does: T4 is then
        // the run, to within the 32 bits in which it was trained.
        for (step, line) in lines("layers.jsonl").iter().enumerate() {
            let (predicted, measured) =
                (numbers(&replayed["elr"][step])[0], numbers(&line["elr"])[0]);
            assert!(
                (predicted / measured - 1.0).abs() < 1e-5,
                "{step}: {predicted} {measured}"
            );
        }
    }
    // A log with a hole says so.
    let layers = format!("{out}/none/layers.jsonl");
    let all = std::fs::read_to_string(&layers).unwrap();
    std::fs::write(&layers, all.replacen("\"step\":3,", "\"step\":4,", 1)).unwrap();
    let run = format!("{out}/none");
    let arguments = [
        "forecast",
        &run,
        "--lr",
        "1",
        "--steps",
        "12",
        "--gradient-scale",
        "measured",
    ];
    let damaged = evenkeel(&arguments, "");
    assert_eq!(damaged.status.code(), Some(3));
    assert!(text(&damaged.stderr).contains("layers.jsonl, line 4: step is 4, but must be 3"));
}

#[test]
fn rates_and_scales_that_do_not_fit_are_refused() {
    let folder = Folder::new("misfits");
    let (rates, shares) = (
        folder.file("r", "lr\n0.1\n"),
        folder.file("s", "share\n1\n"),
    );
    let (empty, bad) = (folder.file("e", ""), folder.file("b", "lr\n0.1\n-2\n"));
    let file = |path: &str| format!("file:{path}");
    let cases: [(&[&str], i32, &str); 11] = [
        (&[], 2, "--lr is missing"),
        (&["--schedule", "cosine"], 2, "--lr is missing"),
        (&["--schedule", &file(&shares)], 2, "shares of it"),
        (
            &["--lr", "0.3", "--schedule", &file(&rates)],
            2,
            "--lr is 0.3",
        ),
        (
            &["--lr", "1", "--schedule", "triangle"],
            2,
            "file:PATH alone",
        ),
        (
            &[
                "--lr",
                "1",
                "--schedule",
                &format!("linear-warmup:3+{}", file(&rates)),
            ],
            2,
            "file:PATH alone",
        ),
        (&["--schedule", "file:"], 2, "names no file"),
        (&["--schedule", "file:nowhere.csv"], 3, "nowhere.csv: "),
        (&["--schedule", &file(&empty)], 3, "e is empty"),
        (
            &["--schedule", &file(&bad)],
            3,
            "row 3, column `lr` is `-2`, but must be finite and at least 0",
        ),
        (
            &["--lr", "1", "--gradient-scale", "measured"],
            2,
            "folder of a run",
        ),
    ];
    for (more, code, expected) in cases {
        let run = evenkeel(
            &[&["forecast", "-", "--steps", "5"], more].concat(),
            NETWORK,
        );
        let message = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{more:?}: {message}");
        assert!(
            message.contains(expected) && run.stdout.is_empty(),
            "{more:?}: {message}"
        );
    }
}

#[test]
fn no_step_is_a_forecast_and_a_billion_steps_are_too_many() {
    for optimizer in ["sgd", "adam", "adamw"] {
        let arguments = [
            "forecast",
            "-",
            "--lr",
            "1",
            "--optimizer",
            optimizer,
            "--steps",
        ];
        let none = json(&[&arguments[..], &["0", "--json"]].concat(), NETWORK);
        assert_eq!(
            none["elr"],
            serde_json::json!([[0.002, 0.03, 0.4, 5.0, 60.0]])
        );
        assert_eq!(
            (&none["lr"], &none["warmup_steps"]),
            (&serde_json::json!([]), &0.into())
        );
        let words = evenkeel(&[&arguments[..], &["0"]].concat(), NETWORK);
        assert!(text(&words.stdout).contains("No step is taken"));
        for most in ["1000000000", "18446744073709551615"] {
            let refused = evenkeel(&[&arguments[..], &[most]].concat(), NETWORK);
            assert_eq!(refused.status.code(), Some(2));
            assert!(text(&refused.stderr).contains("the product may be 268435456"));
        }
    }
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
    assert_eq!(advice["pairs"]["converging"], 9);
    let even = evenkeel(&["advise", "-", "--lr", "0.1"], "layer,elr\na,1\nb,1.1\n");
    assert!(text(&even.stdout).contains("Nothing needs to change"));
}

#[test]
fn what_is_wrong_is_said_and_coded() {
    let cases: [(&[&str], &str, i32, &str); 9] = [
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
        (&["--synthetic", "vgg", "--lr", "1"], "", 2, "bn-relu:DEPTH"),
        (&["no-such-file", "--lr", "1"], "", 3, "no-such-file"),
        (&["-", "--lr", "1"], "", 3, "empty"),
        (&["-", "--lr", "1"], "layer,elr\na,0.1\na,0.2\n", 3, "`a`"),
        (&["-", "--lr", "1"], "layer,elr\na,-1\n", 3, "row 2"),
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
