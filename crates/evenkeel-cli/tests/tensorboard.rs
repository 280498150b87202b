//! Events for TensorBoard say what the logs say, also of runs that were killed and went on.

mod common;
#[path = "common/events.rs"]
mod events;
#[path = "common/killed.rs"]
mod killed;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{Folder, numbers, text};
use events::{Event, events, untorn};
use killed::held_at;
use serde_json::Value;

/// A short run with every kind of line in it: 23 steps, evaluations at 0, 5, 10, 15, 20 and 23.
const RUN: [&str; 16] = [
    "--depth",
    "4",
    "--width",
    "8",
    "--batch-size",
    "32",
    "--steps",
    "23",
    "--eval-every",
    "5",
    "--checkpoint-every",
    "7",
    "--control",
    "hold",
    "--jobs",
    "1",
];

fn train(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command
        .arg("train")
        .args(RUN)
        .arg("--out")
        .arg(out)
        .args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn trained(out: &Path, more: &[&str]) {
    let output = train(out, more).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn report(folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let command = command.args(["report", "--format", "tensorboard"]);
    command.arg(folder).output().unwrap()
}

fn file(out: &Path) -> PathBuf {
    out.join("hold/tensorboard/events.out.tfevents.evenkeel")
}

fn lines(out: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(out.join("hold").join(name)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Steps and scalars that the logs call for, in order.
fn called_for(out: &Path) -> Vec<(u64, HashMap<String, f32>)> {
    let header: toml::Table =
        toml::from_str(&fs::read_to_string(out.join("hold/run.toml")).unwrap()).unwrap();
    let layers: Vec<&str> = header["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["name"].as_str().unwrap())
        .collect();
    let (steps, elrs) = (lines(out, "steps.jsonl"), lines(out, "layers.jsonl"));
    let mut all: Vec<(u64, HashMap<String, f32>)> = Vec::new();
    for (step, elrs) in steps.iter().zip(&elrs) {
        let number = |key: &str| step[key].as_f64().unwrap();
        let decades = number("spread_range") / std::f64::consts::LN_10;
        let whole = [
            ("loss", number("loss")),
            ("lr", number("lr")),
            ("elr/critical_lr", number("critical_lr")),
            ("elr/spread_decades", decades),
        ];
        let mut scalars: HashMap<String, f32> = whole
            .map(|(tag, value)| (tag.to_owned(), value as f32))
            .into();
        for (layer, elr) in layers.iter().zip(numbers(&elrs["elr"])) {
            scalars.insert(format!("elr/{layer}"), elr as f32);
        }
        all.push((step["step"].as_u64().unwrap(), scalars));
    }
    for eval in lines(out, "evals.jsonl") {
        let keys = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"];
        let scalars = keys.map(|key| (format!("eval/{key}"), eval[key].as_f64().unwrap() as f32));
        let step = eval["step"].as_u64().unwrap();
        // Before the step that follows.
        let place = all.iter().position(|(other, _)| *other >= step);
        all.insert(place.unwrap_or(all.len()), (step, scalars.into()));
    }
    all
}

/// The events of a run, which are those that its logs call for.
fn checked(out: &Path, what: &str) -> Vec<Event> {
    let events = events(&fs::read(file(out)).unwrap());
    let found: Vec<_> = events.iter().map(|e| (e.step, e.scalars.clone())).collect();
    assert_eq!(found, called_for(out), "{what}");
    assert!(events.is_sorted_by_key(|event| event.time), "{what}");
    events
}

#[test]
fn events_say_what_the_logs_say_and_a_report_says_it_again() {
    let folder = Folder::new("events");
    let out = folder.0.join("run");
    trained(&out, &["--tensorboard"]);
    let found = checked(&out, "as it trained");
    assert_eq!(found.len(), 23 + 6);
    let seconds: f64 = lines(&out, "timing.jsonl")
        .iter()
        .map(|l| l["seconds"].as_f64().unwrap())
        .sum();
    let (first, last) = (&found[0], &found[found.len() - 1]);
    assert!((last.time - first.time - seconds).abs() < 1e-5);

    let bytes = fs::read(file(&out)).unwrap();
    fs::remove_dir_all(out.join("hold/tensorboard")).unwrap();
    let output = report(&out);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), format!("{}\n", file(&out).display()));
    assert!(
        fs::read(file(&out)).unwrap() == bytes,
        "another file than that of training"
    );
}

#[test]
fn killed_anywhere_a_run_goes_on_with_events_neither_doubled_nor_missing() {
    let folder = Folder::new("events-killed");
    let places = [
        ("header-begins", 1),
        ("header-written", 1),
        ("line-torn", 1),
        ("line-torn", 60),
        ("step-half-logged", 7),
        ("step-half-logged", 20),
        ("event-begins", 1),
        ("event-begins", 9),
        ("event-torn", 1),
        ("event-torn", 22),
        ("checkpoint-written", 2),
        ("outcome-begins", 1),
    ];
    for (place, count) in places {
        let out = folder.0.join(format!("{place}-{count}"));
        let marker = out.with_extension("marker");
        let command = train(&out, &["--tensorboard"]);
        assert!(
            held_at(command, (place, count), &marker, || {}),
            "{place} {count}"
        );
        let before = fs::read(file(&out)).unwrap_or_default();
        // That it has events is remembered.
        trained(&out, &["--resume"]);
        let found = checked(&out, &format!("{place} {count}"));
        // Whoever reads along finds everything where it was.
        let before = untorn(&before);
        if !before.is_empty() {
            for (read, now) in events(before).into_iter().zip(found) {
                let same_time = Event {
                    time: read.time,
                    ..now
                };
                assert_eq!(read, same_time, "{place} {count}");
            }
        }
    }
}

#[test]
fn a_run_may_take_to_events_late_and_leave_them_when_it_begins_anew() {
    let folder = Folder::new("events-late");
    let (out, marker) = (folder.0.join("run"), folder.0.join("marker"));
    let place = ("step-half-logged", 18);
    assert!(held_at(train(&out, &[]), place, &marker, || {}));
    assert!(!file(&out).exists());
    trained(&out, &["--resume", "--tensorboard"]);
    checked(&out, "from the middle");
    trained(&out, &["--overwrite"]);
    assert!(!file(&out).exists(), "events of a run that is no more");
}

#[test]
fn a_report_does_not_write_into_the_events_of_a_run_that_trains() {
    let folder = Folder::new("events-locked");
    let (out, marker) = (folder.0.join("run"), folder.0.join("marker"));
    let command = train(&out, &["--tensorboard"]);
    let meanwhile = || {
        let before = fs::read(file(&out)).unwrap();
        let output = report(&out);
        assert_eq!(output.status.code(), Some(3));
        let message = text(&output.stderr);
        assert!(
            message.contains("being written by another process"),
            "{message}"
        );
        assert!(fs::read(file(&out)).unwrap() == before);
    };
    assert!(held_at(command, ("event-torn", 5), &marker, meanwhile));
    // Killed, it is nobody's: a report makes it whole.
    assert!(report(&out).status.success());
    checked(&out, "after the kill");
}

#[test]
fn figures_are_not_drawn_as_events() {
    let folder = Folder::new("events-figure");
    let plot = folder.path("phase.tensorboard");
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["phase", "--plot", &plot])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("permitted: html, svg, png\n"), "{message}");
}
