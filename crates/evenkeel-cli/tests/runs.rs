//! `evenkeel runs` as its users meet it, and what `--resume` says to data that have changed.

mod common;

use std::fs;

use common::{Folder, evenkeel, text};
use serde_json::Value;

fn said(arguments: &[&str]) -> String {
    let run = evenkeel(arguments);
    assert!(run.status.success(), "{}", text(&run.stderr));
    text(&run.stdout)
}

/// Two controls under two seeds.
fn runs(test: &str) -> Folder {
    let folder = Folder::new(test);
    for seed in ["0", "1"] {
        let out = folder.path(&format!("runs/s{seed}"));
        let size = [
            "--depth",
            "4",
            "--width",
            "8",
            "--steps",
            "6",
            "--eval-every",
            "3",
        ];
        let which = ["--control", "none,hold", "--seed", seed, "--out", &out];
        said(&[&["train"], &size[..], &which[..]].concat());
    }
    folder
}

#[test]
fn runs_are_listed_filtered_and_compared() {
    let folder = runs("runs-list");
    let root = folder.path("runs");
    fs::create_dir(folder.0.join("runs/bad")).unwrap();
    fs::write(folder.0.join("runs/bad/run.toml"), "\u{1b}[31m = [").unwrap();

    let table = said(&["runs", "list", &root]);
    assert_eq!(table.matches("completed").count(), 4, "{table}");
    assert!(
        table.contains("\nbad: run.toml: ") && !table.contains('\u{1b}'),
        "{table}"
    );

    let held: Value = serde_json::from_str(&said(&[
        "runs",
        "list",
        &root,
        "--json",
        "--where",
        "control=hold",
        "--sort",
        "seed:desc",
    ]))
    .unwrap();
    let names: Vec<&str> = held
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["run"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["s1/hold", "s0/hold"]);
    assert_eq!(held[0]["done"], 6);
    assert!(held[0]["final_spread"].as_f64().unwrap() < 1e-6);

    let compared = said(&["runs", "compare", &root, "--over", "seed"]);
    let lines: Vec<&str> = compared.lines().collect();
    assert_eq!(lines.len(), 4, "{compared}");
    assert!(
        lines[2].starts_with("hold") && lines[3].starts_with("none"),
        "{compared}"
    );
    let shown = said(&["runs", "show", &folder.path("runs/s0/hold")]);
    assert!(
        shown.contains("blocks.0.linear.weight") && shown.contains("completed"),
        "{shown}"
    );

    for (arguments, code, message) in [
        (
            vec!["list", &root, "--where", "foo=1"],
            2,
            "permitted: run, model",
        ),
        (vec!["list", &root, "--sort", "lr:up"], 2, "COLUMN:desc"),
        (vec!["list", &folder.path("nowhere")], 3, "holds no run"),
        (vec!["show", &root], 3, "holds no run"),
        (
            vec!["compare", &folder.path("runs/s0/hold")],
            2,
            "name two runs",
        ),
        (
            vec!["compare", &root, "--over", "mood"],
            2,
            "permitted: accumulate",
        ),
    ] {
        let run = evenkeel(&[&["runs"], &arguments[..]].concat());
        assert_eq!(run.status.code(), Some(code), "{arguments:?}");
        assert!(text(&run.stderr).contains(message), "{}", text(&run.stderr));
    }
}

#[test]
fn exports_hold_what_the_logs_hold() {
    let folder = runs("runs-export");
    let (root, out) = (folder.path("runs"), folder.path("steps.csv"));
    said(&[
        "runs",
        "export",
        &root,
        "--what",
        "steps",
        "--where",
        "run=s0/none",
        "--out",
        &out,
    ]);
    let csv = folder.read("steps.csv");
    let losses: Vec<f64> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().parse().unwrap())
        .collect();
    let logged = folder.lines("runs/s0/none/steps.jsonl");
    let logged: Vec<f64> = logged
        .iter()
        .map(|line| line["loss"].as_f64().unwrap())
        .collect();
    assert_eq!(losses, logged);
    let out = folder.path("layers.parquet");
    let told = said(&[
        "runs", "export", &root, "--what", "layers", "--format", "parquet", "--out", &out,
    ]);
    assert!(
        told.contains(&format!("{} rows of 4 runs", 4 * 6 * 4)),
        "{told}"
    );
}

#[test]
fn data_that_have_changed_are_not_resumed_on() {
    let folder = Folder::new("runs-data");
    let book = folder.0.join("book.txt");
    let pages = "to be or not to be, that is the question. ".repeat(60);
    fs::write(&book, &pages).unwrap();
    let (data, out) = (format!("text:{}", book.display()), folder.path("cmp"));
    let size = [
        "--model",
        "gpt",
        "--depth",
        "1",
        "--width",
        "8",
        "--context",
        "8",
        "--batch-size",
        "8",
    ];
    let what = [
        "--data",
        &data,
        "--control",
        "none",
        "--steps",
        "4",
        "--eval-every",
        "2",
        "--out",
        &out,
    ];
    said(&[&["train"], &size[..], &what[..]].concat());
    fs::remove_file(folder.0.join("cmp/none/outcome.json")).unwrap();

    fs::write(&book, pages.replacen("question", "qeustion", 1)).unwrap();
    let refused = evenkeel(&["train", "--out", &out, "--resume"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stderr).contains("have changed since the run began"),
        "{}",
        text(&refused.stderr)
    );

    fs::write(&book, &pages).unwrap();
    said(&["train", "--out", &out, "--resume"]);
    assert!(folder.read("cmp/none/run.toml").contains("data_sha256 = "));
}
