//! What the network at initialisation decides: the rate by the angle of the first step
//! (`--lr angle:RADIANS`), and the control (`--control auto`).

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
fn held_layers_turn_by_the_angle_requested_in_the_first_step() {
    let folder = Folder::new("angle");
    let out = folder.path("runs");
    let run = train(&out, &["--lr", "angle:0.2", "--control", "hold"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let lr = folder.lines("runs/hold/steps.jsonl")[0]["lr"]
        .as_f64()
        .unwrap();
    let layers = folder.lines("runs/hold/layers.jsonl");
    for elr in layers[0]["elr"].as_array().unwrap() {
        let angle = (lr * elr.as_f64().unwrap()).atan();
        // The rate has three digits.
        assert!((angle / 0.2 - 1.0).abs() < 0.01, "{angle}");
    }
    // The rate is a number from there on.
    assert!(
        folder
            .read("runs/hold/run.toml")
            .contains(&format!("\nlr = {lr}\n"))
    );
    let again = train(
        &out,
        &["--lr", "angle:0.2", "--control", "hold", "--resume"],
    );
    assert!(again.status.success(), "{}", text(&again.stderr));
}

#[test]
fn angles_that_give_no_rate_are_refused() {
    let folder = Folder::new("angle-refused");
    for (more, words) in [
        (&["--lr", "angle:0"][..], "--lr angle:0: give an angle"),
        (&["--lr", "angle:-1"], "radians above 0"),
        (&["--lr", "angle:NaN"], "radians above 0"),
        (&["--lr", "angle:1.6"], "below 1.57"),
        (&["--lr", "angle:x"], "invalid value 'angle:x'"),
        // Old names.
        (&["--lr", "turn:0.2"], "write angle:0.1974"),
        (&["--control", "advised"], "is now called auto"),
        (
            &["--lr", "angle:0.2", "--optimizer", "adam"],
            "do not follow the gradient's length",
        ),
        (
            &["--lr", "angle:0.2", "--norm", "none"],
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
fn the_automatic_control_is_that_of_the_network() {
    let folder = Folder::new("auto");
    let residual = [
        "train", "--model", "resnet", "--depth", "20", "--width", "4", "--steps", "1",
    ];
    let plain = [&residual[..], &["--no-shortcut"]].concat();
    for (name, network, control) in [
        ("residual", &residual[..], advice::for_steady()),
        ("plain", &plain[..], advice::for_exploding()),
    ] {
        let out = folder.path(name);
        let auto = [network, &["--control", "none,auto", "--out", &out]].concat();
        let run = evenkeel(&auto);
        assert!(run.status.success(), "{name}: {}", text(&run.stderr));
        // It is a control by name from there on.
        let file = folder.read(&format!("{name}/{}/run.toml", control.folder_name()));
        assert!(
            file.contains(&format!("control = \"{control}\"")),
            "{name}: {file}"
        );
        let again = evenkeel(&[&auto[..], &["--resume"]].concat());
        assert!(again.status.success(), "{name}: {}", text(&again.stderr));
        // What is requested by name as well is one run.
        let both = format!("{control},auto");
        let out = folder.path(&format!("{name}-both"));
        let run = evenkeel(&[network, &["--control", &both, "--out", &out]].concat());
        assert!(run.status.success(), "{name}: {}", text(&run.stderr));
    }
}
