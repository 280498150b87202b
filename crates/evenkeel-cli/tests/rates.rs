//! `forecast` with rates and gradient scales from files, and from the records of a run.

mod common;
#[path = "common/piped.rs"]
mod piped;

use common::{numbers, text};
use piped::{NETWORK, close, evenkeel, json};
use serde_json::Value;

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

/// Words, as a shell would part them.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
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
    let arguments = words("forecast - --lr 0.3 --steps 9 --json");
    let scaled = evenkeel(
        &[&arguments[..], &["--gradient-scale", &halved]].concat(),
        NETWORK,
    );
    assert!(text(&scaled.stderr).contains("ends after 2 of 9 steps; the last scale holds"));
    let scaled: Value = serde_json::from_slice(&scaled.stdout).unwrap();
    let rates = folder.file("rates", "lr\n0.3\n0.15\n");
    let slower = words("forecast - --steps 9 --json --schedule");
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
    let adam = words("forecast - --lr 0.01 --steps 9 --json --optimizer adamw");
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
    let train = words(
        "train --depth 1 --width 16 --batch-size 64 --steps 12 --control none,linear:4 --out",
    );
    assert!(
        evenkeel(&[&train[..], &[&out]].concat(), "")
            .status
            .success()
    );
    for control in ["none", "linear-4"] {
        let run = format!("{out}/{control}");
        let schedule = format!("file:{run}/steps.jsonl");
        let arguments = words("forecast --gradient-scale measured --steps 12 --json --schedule");
        let replayed = json(&[&arguments[..], &[&schedule, &run]].concat(), "");
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
    let arguments = words("forecast --lr 1 --steps 12 --gradient-scale measured");
    let damaged = evenkeel(&[&arguments[..], &[&run]].concat(), "");
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
            &["--schedule", &format!("linear-warmup:3+{}", file(&rates))],
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
        let line = format!("forecast - --lr 1 --optimizer {optimizer} --steps");
        let arguments = words(&line);
        let none = json(&[&arguments[..], &["0", "--json"]].concat(), NETWORK);
        assert_eq!(
            none["elr"],
            serde_json::json!([[0.002, 0.03, 0.4, 5.0, 60.0]])
        );
        assert_eq!(
            (&none["lr"], &none["warmup_steps"]),
            (&serde_json::json!([]), &0.into())
        );
        let table = evenkeel(&[&arguments[..], &["0"]].concat(), NETWORK);
        assert!(text(&table.stdout).contains("No step is taken"));
        for most in ["1000000000", "18446744073709551615"] {
            let refused = evenkeel(&[&arguments[..], &[most]].concat(), NETWORK);
            assert_eq!(refused.status.code(), Some(2));
            assert!(text(&refused.stderr).contains("the product may be 268435456"));
        }
    }
}
