//! `--device`: what is said where a device is not there, and what one computes that is.
//!
//! Built with `--features wgpu` these tests need a GPU's driver. One in software will do, such as Mesa's
//! lavapipe (Debian: mesa-vulkan-drivers).

mod common;

use std::process::{Command, Output};

use common::{Folder, text};

/// A run on a device.
fn train(out: &str, device: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args([
        "train",
        "--batch-size",
        "32",
        "--steps",
        "12",
        "--jobs",
        "1",
    ]);
    command.args(["--eval-every", "6", "--eval-rows", "64"]);
    command.args(["--out", out, "--device", device]).args(more);
    command.output().unwrap()
}

fn refused(device: &str, code: i32) -> String {
    let folder = Folder::new(&format!("device-{}", device.replace(':', "-")));
    let run = train(&folder.path("run"), device, &[]);
    assert_eq!(run.status.code(), Some(code), "{}", text(&run.stderr));
    assert!(!folder.0.join("run").exists());
    text(&run.stderr)
}

#[test]
fn what_is_no_device_is_refused_with_those_that_are() {
    for device in ["gpu", "cpu:1", "wgpu:first"] {
        assert!(refused(device, 2).contains("permitted: cpu, cuda[:N], wgpu[:N]"));
    }
}

#[test]
fn a_device_that_is_not_built_is_refused_with_how_to_build_it() {
    let built = [
        ("cuda", cfg!(feature = "cuda")),
        ("wgpu", cfg!(feature = "wgpu")),
    ];
    for (device, _) in built.iter().filter(|(_, built)| !built) {
        let message = refused(device, 2);
        let advice = format!("cargo build --release --features {device}");
        assert!(message.contains(&advice), "{message}");
    }
}

#[test]
fn a_device_that_the_machine_lacks_is_refused_without_a_panic() {
    let built = [
        ("cuda", cfg!(feature = "cuda")),
        ("wgpu", cfg!(feature = "wgpu")),
    ];
    for (device, _) in built.iter().filter(|(_, built)| *built) {
        let message = refused(&format!("{device}:999"), 3);
        assert!(message.contains("this machine has"), "{message}");
        assert!(!message.contains("panicked"), "{message}");
    }
}

#[cfg(feature = "wgpu")]
mod on_wgpu {
    use super::*;
    use serde_json::Value;

    const MODELS: [&[&str]; 2] = [
        &["--depth", "4", "--width", "16"],
        &["--model", "conv", "--depth", "3", "--width", "4"],
    ];

    fn done(run: &Output) {
        assert!(run.status.success(), "{}", text(&run.stderr));
    }

    fn column(lines: &[Value], name: &str) -> Vec<f64> {
        lines
            .iter()
            .map(|line| line[name].as_f64().unwrap())
            .collect()
    }

    #[test]
    fn it_learns_what_the_cpu_learns() {
        let folder = Folder::new("wgpu-losses");
        for (index, model) in MODELS.iter().enumerate() {
            let more = [*model, &["--control", "none,hold", "--lr", "0.02"]].concat();
            let out = |device: &str| folder.path(&format!("{device}-{index}"));
            done(&train(&out("cpu"), "cpu", &more));
            done(&train(&out("wgpu"), "wgpu", &more));
            for control in ["none", "hold"] {
                let steps =
                    |device| folder.lines(&format!("{device}-{index}/{control}/steps.jsonl"));
                let losses = |device| column(&steps(device), "loss");
                for (cpu, wgpu) in losses("cpu").iter().zip(losses("wgpu")) {
                    assert!((cpu / wgpu - 1.0).abs() < 1e-3, "{model:?}: {cpu}, {wgpu}");
                }
                let spread = column(&steps("wgpu"), "spread_range");
                let held = spread.iter().all(|spread| *spread < 1e-6);
                assert_eq!(held, control == "hold", "{spread:?}");
            }
            let header = folder.read(&format!("wgpu-{index}/none/run.toml"));
            assert!(header.contains("device = \"wgpu (") && header.contains("device = \"wgpu\""));
        }
    }

    #[test]
    fn it_resumes_and_only_on_the_same_device() {
        let folder = Folder::new("wgpu-resume");
        for (index, model) in MODELS.iter().enumerate() {
            let more = [*model, &["--control", "hold", "--checkpoint-every", "5"]].concat();
            let out = |name: &str| folder.path(&format!("{name}-{index}"));
            done(&train(&out("whole"), "wgpu", &more));
            done(&train(&out("broken"), "wgpu", &more));
            let run = folder.0.join(format!("broken-{index}/hold"));
            // As if killed after step 10.
            std::fs::remove_file(run.join("outcome.json")).unwrap();
            std::fs::remove_file(run.join("checkpoints/step-00000012.ckpt")).unwrap();
            let other = train(
                &out("broken"),
                "cpu",
                &[more.as_slice(), &["--resume"]].concat(),
            );
            assert_eq!(other.status.code(), Some(2));
            assert!(text(&other.stderr).contains("has `device = \"wgpu ("));
            done(&train(
                &out("broken"),
                "wgpu",
                &[more.as_slice(), &["--resume"]].concat(),
            ));
            let steps = |name| folder.lines(&format!("{name}-{index}/hold/steps.jsonl"));
            let losses = |name| column(&steps(name), "loss");
            let (whole, broken) = (losses("whole"), losses("broken"));
            assert_eq!(whole.len(), broken.len());
            // A convolution's weights lie otherwise in memory once they are loaded, and are then
            // summed in another order.
            let slack = if index == 0 { 0.0 } else { 1e-4 };
            for (whole, broken) in whole.iter().zip(broken) {
                assert!(
                    (whole / broken - 1.0).abs() <= slack,
                    "{model:?}: {whole}, {broken}"
                );
            }
        }
    }

    #[test]
    fn one_seed_fixes_every_bit_of_runs_that_are_not_stopped() {
        let folder = Folder::new("wgpu-seed");
        for (index, model) in MODELS.iter().enumerate() {
            let more = [*model, &["--control", "hold"]].concat();
            for name in ["first", "second"] {
                done(&train(
                    &folder.path(&format!("{name}-{index}")),
                    "wgpu",
                    &more,
                ));
            }
            for file in ["steps.jsonl", "layers.jsonl", "evals.jsonl"] {
                let read = |name| folder.read(&format!("{name}-{index}/hold/{file}"));
                assert!(read("first") == read("second"), "{model:?} {file}");
            }
        }
    }

    #[test]
    fn divergence_is_noticed() {
        let folder = Folder::new("wgpu-diverged");
        let more = [MODELS[0], &["--control", "none", "--lr", "1e30"]].concat();
        let run = train(&folder.path("run"), "wgpu", &more);
        assert_eq!(run.status.code(), Some(4), "{}", text(&run.stderr));
        let outcome = &folder.lines("run/none/outcome.json")[0];
        assert!(outcome["layer"].as_str().unwrap().starts_with("blocks."));
    }

    #[test]
    fn snapshots_are_as_precise_as_the_device_can_be_and_say_so() {
        let folder = Folder::new("wgpu-snapshot");
        let snapshot = |name: &str, more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
            command.args(["snapshot", "--depth", "4", "--width", "16"]);
            command.args(["--out", &folder.path(name)]).args(more);
            command.output().unwrap()
        };
        let double = snapshot("double", &["--device", "wgpu"]);
        assert_eq!(double.status.code(), Some(2));
        assert!(text(&double.stderr).contains("add --single"));
        done(&snapshot("wgpu", &["--device", "wgpu", "--single"]));
        done(&snapshot("cpu", &["--single"]));
        let norms = |name: &str| -> Vec<f64> {
            let text = folder.read(&format!("{name}/snapshot.csv"));
            let rows = text.lines().skip(1);
            rows.map(|row| row.split(',').nth(2).unwrap().parse().unwrap())
                .collect()
        };
        for (cpu, wgpu) in norms("cpu").iter().zip(norms("wgpu")) {
            assert!((cpu / wgpu - 1.0).abs() < 1e-3, "{cpu}, {wgpu}");
        }
    }
}
