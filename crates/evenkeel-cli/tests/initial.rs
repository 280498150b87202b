//! What is chosen by the network at initialisation: the rate by the turn of the first step (`--lr turn:TANGENT`), and the control
//! (`--control auto`).

mod common;

use std::process::Output;

use evenkeel::advice;

use common::{Folder, evenkeel, text};

fn train(out: &str, more: &[&str]) -> Output {
    let small = [
        "train", "--depth", "6", "--width", "16", "--steps", "2", "--out", out,
    ];
    evenkeel(&[&small[..], more].concat())
}

#[test]
fn held_layers_turn_by_what_was_asked_for_in_the_first_step() {
    let folder = Folder::new("turn");
    let out = folder.path("runs");
    let run = train(&out, &["--lr", "turn:0.2", "--control", "hold"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let lr = folder.lines("runs/hold/steps.jsonl")[0]["lr"]
        .as_f64()
        .unwrap();
    let layers = folder.lines("runs/hold/layers.jsonl");
    for elr in layers[0]["elr"].as_array().unwrap() {
        let tangent = lr * elr.as_f64().unwrap();
        // The rate has three digits.
        assert!((tangent / 0.2 - 1.0).abs() < 0.01, "{tangent}");
    }
    // The rate is a number from there on.
    assert!(
        folder
            .read("runs/hold/run.toml")
            .contains(&format!("\nlr = {lr}\n"))
    );
    let again = train(&out, &["--lr", "turn:0.2", "--control", "hold", "--resume"]);
    assert!(again.status.success(), "{}", text(&again.stderr));
}

#[test]
fn turns_that_give_no_rate_are_refused() {
    let folder = Folder::new("turn-refused");
    for (more, words) in [
        (&["--lr", "turn:0"][..], "a tangent above 0"),
        (&["--lr", "turn:-1"], "a tangent above 0"),
        (&["--lr", "turn:NaN"], "a tangent above 0"),
        (&["--lr", "turn:x"], "invalid value 'turn:x'"),
        (
            &["--lr", "turn:0.2", "--optimizer", "adam"],
            "do not follow the gradient's length",
        ),
        (
            &["--lr", "turn:0.2", "--norm", "none"],
            "no scale-invariant weights",
        ),
    ] {
        let run = train(&folder.path("runs"), more);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
    }
}

#[test]
fn the_advised_control_is_that_of_the_network() {
    let folder = Folder::new("advised");
    let residual = [
        "train", "--model", "resnet", "--depth", "20", "--width", "4", "--steps", "1",
    ];
    let plain = [&residual[..], &["--no-shortcut"]].concat();
    for (name, network, control) in [
        (
            "residual",
            residual.to_vec(),
            advice::for_steady().to_string(),
        ),
        ("plain", plain, advice::for_exploding().to_string()),
    ] {
        let out = folder.path(name);
        let advised = [&network[..], &["--control", "none,auto", "--out", &out]].concat();
        let run = evenkeel(&advised);
        assert!(run.status.success(), "{name}: {}", text(&run.stderr));
        // It is a control by name from there on.
        let file = folder.read(&format!("{name}/{}/run.toml", control.replace(':', "-")));
        assert!(
            file.contains(&format!("control = \"{control}\"")),
            "{name}: {file}"
        );
        let again = evenkeel(&[&advised[..], &["--resume"]].concat());
        assert!(again.status.success(), "{name}: {}", text(&again.stderr));
        // What is asked for by name as well is one run.
        let both = format!("{control},auto");
        let out = folder.path(&format!("{name}-both"));
        let run = evenkeel(&[&network[..], &["--control", &both, "--out", &out]].concat());
        assert!(run.status.success(), "{name}: {}", text(&run.stderr));
    }
}
