//! Weights leave a run and enter another; what does not fit is refused by name.

mod common;
#[path = "common/tensors.rs"]
mod tensors;

use std::fs;
use std::process::{Command, Output};

use common::{Folder, text};
use serde_json::Value;
use tensors::{Stored, Tensors};

const MLP: [&str; 6] = ["--depth", "3", "--width", "8", "--batch-size", "32"];

fn evenkeel(arguments: &[&str], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(arguments).args(more).output().unwrap()
}

fn done(arguments: &[&str], more: &[&str]) -> String {
    let output = evenkeel(arguments, more);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// The message of a refusal with an exit code.
fn refused(code: i32, arguments: &[&str], more: &[&str]) -> String {
    let output = evenkeel(arguments, more);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(
        message.starts_with("error: ") && !message.contains("panicked"),
        "{message}"
    );
    message
}

fn train<'a>(out: &'a str, steps: &'a str) -> Vec<&'a str> {
    let often = ["--eval-every", "4", "--keep", "9"];
    [&["train", "--out", out, "--steps", steps][..], &often].concat()
}

/// Runs of [`MLP`] under three controls.
fn compare(out: &str, steps: &str, more: &[&str]) {
    let controls = ["--control", "none,critical,hold"];
    done(&train(out, steps), &[&MLP[..], &controls, more].concat());
}

/// The weights of a network at initialisation.
fn initial(folder: &Folder, more: &[&str]) -> (String, Tensors) {
    let out = folder.path("initial");
    done(&["snapshot", "--overwrite", "--out", &out], more);
    let path = folder.path("initial/weights.safetensors");
    let (tensors, _) = tensors::read(&fs::read(&path).unwrap());
    (path, tensors)
}

#[test]
fn a_run_with_its_own_initial_weights_is_the_same_run_to_the_bit() {
    let folder = Folder::new("weights-same");
    let networks: [&[&str]; 3] = [
        &MLP,
        &[
            "--model", "resnet", "--depth", "8", "--width", "4", "--norm", "gn",
        ],
        &[
            "--model",
            "vit",
            "--depth",
            "1",
            "--width",
            "64",
            "--batch-size",
            "16",
        ],
    ];
    for (index, network) in networks.iter().enumerate() {
        let (weights, _) = initial(&folder, network);
        let names = ["drawn", "given"].map(|name| format!("{name}-{index}"));
        let [drawn, given] = [0, 1].map(|end| folder.path(&names[end]));
        let network = [network, &["--eval-rows", "32", "--control", "none"][..]].concat();
        done(&train(&drawn, "3"), &network);
        done(
            &train(&given, "3"),
            &[&network, &["--weights", &weights][..]].concat(),
        );
        for log in ["steps.jsonl", "layers.jsonl", "evals.jsonl"] {
            let [drawn, given] =
                [0, 1].map(|end| folder.read(&format!("{}/none/{log}", names[end])));
            assert!(!drawn.is_empty() && drawn == given, "{network:?}: {log}");
        }
    }
}

#[test]
fn what_leaves_a_run_enters_another_unchanged() {
    let folder = Folder::new("weights-round");
    let out = folder.path("run");
    compare(&out, "10", &[]);
    let (run, file, again) = (
        folder.path("run/hold"),
        folder.path("w"),
        folder.path("again"),
    );
    let said = done(&["weights", &run, "--checkpoint", "8", "--out", &file], &[]);
    assert_eq!(said, format!("{file}: 17 tensors of step 8\n"));
    let bytes = fs::read(&file).unwrap();
    let (tensors, note) = tensors::read(&bytes);
    let note = note.unwrap();
    assert_eq!(
        (&note["step"], &note["control"]),
        (&8.into(), &"hold".into())
    );
    assert!(
        tensors["blocks.0.norm.running_mean"]
            .floats()
            .iter()
            .any(|mean| *mean != 0.0)
    );

    done(&["snapshot", "--weights", &file, "--out", &again], &MLP);
    let (entered, _) = tensors::read(&fs::read(folder.path("again/weights.safetensors")).unwrap());
    assert!(entered == tensors, "something was changed on the way");
    let model: Value = serde_json::from_str(&folder.read("again/model.json")).unwrap();
    assert_eq!(note["model"], model);

    // The same bytes again, and other steps have other weights.
    assert!(
        text(&evenkeel(&["weights", &run, "--out", &file], &[]).stderr).contains("--overwrite")
    );
    let newest = |which: &[&str]| {
        done(&["weights", &run, "--overwrite", "--out", &file], which);
        fs::read(&file).unwrap()
    };
    assert!(newest(&["--checkpoint", "8"]) == bytes);
    assert!(newest(&[]) == newest(&["--checkpoint", "10"]) && newest(&[]) != bytes);
    let best = folder.lines("run/hold/evals.jsonl");
    let best = best[1..].iter().rev().max_by(|a, b| {
        let accuracy = |eval: &Value| eval["test_accuracy"].as_f64().unwrap();
        accuracy(a).total_cmp(&accuracy(b))
    });
    let step = best.unwrap()["step"].to_string();
    assert!(newest(&["--checkpoint", "best"]) == newest(&["--checkpoint", &step]));
}

#[test]
fn a_run_is_resumed_with_the_weights_that_it_began_with_only() {
    let folder = Folder::new("weights-resume");
    let (weights, tensors) = initial(&folder, &MLP);
    let out = folder.path("run");
    compare(&out, "5", &["--weights", &weights]);
    let header = folder.read("run/hold/run.toml");
    assert!(
        header.contains(&format!("weights = {weights:?}\nweights_sha256 = \"")),
        "{header}"
    );

    let mut others = tensors;
    others.get_mut("head.bias").unwrap().bytes[0] ^= 1;
    fs::write(&weights, tensors::write(&others)).unwrap();
    // As if it had been broken off.
    fs::remove_file(folder.path("run/hold/outcome.json")).unwrap();
    let message = refused(2, &["train", "--resume", "--out", &out], &[]);
    assert!(message.contains("has `weights_sha256 = "), "{message}");
    let (config, new) = (folder.path("run/hold/run.toml"), folder.path("new"));
    let message = refused(3, &["train", "--config", &config, "--out", &new], &[]);
    assert!(message.contains("but the run began with"), "{message}");
    done(
        &["train", "--config", &config, "--out", &new],
        &["--weights", &weights],
    );
    fs::remove_file(&weights).unwrap();
    let message = refused(3, &["train", "--resume", "--out", &out], &[]);
    assert!(
        message.contains("initial/weights.safetensors: No such file"),
        "{message}"
    );
    // What left it needs nothing but the run.
    done(
        &["weights", &folder.path("run/hold"), "--out", &weights],
        &[],
    );
}

#[test]
fn floats_of_every_width_are_taken() {
    let folder = Folder::new("weights-widths");
    let (_, tensors) = initial(&folder, &MLP);
    let (file, out) = (folder.path("other"), folder.path("out"));
    // Values that bf16 has, and so every type: it is the front half of an f32, f16 has more digits.
    let short = |value: f32| f32::from_bits(value.to_bits() & 0xffff_0000);
    let coarse = |value: f32| {
        if short(value).abs() < 1e-3 {
            0.0
        } else {
            short(value)
        }
    };
    let wanted: Tensors = tensors
        .into_iter()
        .map(|(name, tensor)| {
            (
                name,
                tensor.written("F32", |v| coarse(v).to_le_bytes().to_vec()),
            )
        })
        .collect();
    type Write = fn(f32) -> Vec<u8>;
    let widths: [(&str, Write); 4] = [
        ("F64", |value| f64::from(value).to_le_bytes().to_vec()),
        ("F32", |value| value.to_le_bytes().to_vec()),
        ("BF16", |value| value.to_le_bytes()[2..].to_vec()),
        ("F16", |value| half(value).to_le_bytes().to_vec()),
    ];
    for (dtype, write) in widths {
        let written = wanted
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.written(dtype, write)));
        fs::write(&file, tensors::write(&written.collect())).unwrap();
        done(
            &["snapshot", "--overwrite", "--weights", &file, "--out", &out],
            &MLP,
        );
        let (entered, _) =
            tensors::read(&fs::read(folder.path("out/weights.safetensors")).unwrap());
        assert!(entered == wanted, "{dtype}");
    }
}

/// A float of 1e-3 to 6e4 in size with few digits, or zero, in 16 bits.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    match value == 0.0 {
        true => sign,
        false => sign | (((bits >> 23 & 0xff) - 112) << 10 | bits >> 13 & 0x3ff) as u16,
    }
}

#[test]
fn what_pytorch_counts_is_passed_over() {
    let folder = Folder::new("weights-counter");
    let (_, mut tensors) = initial(&folder, &MLP);
    let counter = Stored {
        dtype: "I64".to_owned(),
        shape: Vec::new(),
        bytes: vec![0; 8],
    };
    tensors.insert("blocks.1.norm.num_batches_tracked".to_owned(), counter);
    let (file, out) = (folder.path("counted"), folder.path("out"));
    fs::write(&file, tensors::write(&tensors)).unwrap();
    done(&["snapshot", "--weights", &file, "--out", &out], &MLP);
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let folder = Folder::new("weights-refused");
    let (_, tensors) = initial(&folder, &MLP);
    let (file, out) = (folder.path("bad"), folder.path("out"));
    let refusal = |change: &dyn Fn(&mut Tensors)| {
        let mut changed = tensors.clone();
        change(&mut changed);
        fs::write(&file, tensors::write(&changed)).unwrap();
        refused(3, &["train", "--weights", &file, "--out", &out], &MLP)
    };
    let first = "blocks.0.linear.weight";
    let float = |bytes: [u8; 4]| {
        move |tensors: &mut Tensors| {
            tensors.get_mut(first).unwrap().bytes[20..24].copy_from_slice(&bytes);
        }
    };
    let message = refusal(&|tensors| {
        let head = tensors.remove("head.bias").unwrap();
        tensors.insert("classifier.bias".to_owned(), head);
    });
    assert!(
        message.contains("missing `head.bias`; not of this network `classifier.bias`"),
        "{message}"
    );
    let message = refusal(&|tensors| tensors.get_mut(first).unwrap().shape.reverse());
    assert!(
        message.contains("`blocks.0.linear.weight` has shape [64, 8]"),
        "{message}"
    );
    assert!(message.contains("[8, 64]"), "{message}");
    let message = refusal(&|tensors| tensors.get_mut(first).unwrap().dtype = "I32".to_owned());
    assert!(
        message.contains("type I32; permitted: F16, BF16, F32, F64"),
        "{message}"
    );
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let message = refusal(&float(value.to_le_bytes()));
        assert!(
            message.contains("element 5 of `blocks.0.linear.weight` is"),
            "{message}"
        );
    }
    let message = refusal(&|tensors| {
        let wide = tensors[first].written("F64", |value| {
            (f64::from(value) * 1e300).to_le_bytes().to_vec()
        });
        tensors.insert(first.to_owned(), wide);
    });
    assert!(
        message.contains("must be finite and below 3.4e38"),
        "{message}"
    );
    assert!(!fs::exists(&out).unwrap(), "nothing is begun");
}

#[test]
fn hostile_files_are_refused() {
    let folder = Folder::new("weights-hostile");
    let (good, tensors) = initial(&folder, &MLP);
    let good = fs::read(good).unwrap();
    let file = folder.path("bad");
    let check = |bytes: &[u8], expected: &str| {
        fs::write(&file, bytes).unwrap();
        let message = refused(
            3,
            &["snapshot", "--weights", &file, "--out", &folder.path("out")],
            &MLP,
        );
        assert!(
            message.contains(expected) && message.contains(&file),
            "{message}"
        );
    };
    for length in [0, 7, 8, 100, good.len() - 1] {
        check(&good[..length], "is not a whole safetensors file");
    }
    check(
        &[&good[..], b"more"].concat(),
        "is not a whole safetensors file",
    );
    check(
        &[&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        "is not a whole safetensors file",
    );
    check(
        &[&99_000_000_u64.to_le_bytes()[..], b"{}"].concat(),
        "is not a whole safetensors file",
    );
    let header = |shape: &str, from: usize, to: usize| {
        let info = format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#);
        tensors::with_header(&format!(r#"{{"a":{info},"b":{info}}}"#), &[0; 8])
    };
    check(&header("[2]", 0, 8), "is not a whole safetensors file");
    check(
        &header("[9223372036854775807,9223372036854775807]", 0, 8),
        "is not a whole safetensors file",
    );
    check(
        &tensors::with_header("{\"a\": 1}", &[]),
        "is not a whole safetensors file",
    );
    check(
        &tensors::with_header("{}", &[]),
        "missing `blocks.0.linear.weight`",
    );
    let odd = Tensors::from([("\u{1b}[31m\n".to_owned(), tensors["head.bias"].clone())]);
    check(&tensors::write(&odd), r"not of this network `\u{1b}[31m\n`");
    check(&vec![b' '; 40 << 20], "has more than ");
}

#[test]
fn runs_without_the_checkpoint_asked_for_say_which_there_are() {
    let folder = Folder::new("weights-none");
    let (out, file) = (folder.path("run"), folder.path("w"));
    compare(&out, "6", &[]);
    let ask = |code, run: &str, which: &str| {
        refused(
            code,
            &[
                "weights",
                &folder.path(run),
                "--checkpoint",
                which,
                "--out",
                &file,
            ],
            &[],
        )
    };
    assert!(ask(3, "run/hold", "5").contains("no checkpoint of step 5; there are: 4, 6"));
    assert!(ask(2, "run/hold", "last").contains("permitted: newest, best, a number of steps"));
    assert!(ask(3, "run", "newest").contains("give one of its runs: critical, hold, none"));
    assert!(ask(3, "nothing", "newest").contains("holds no run"));
    let newest = folder.path("run/hold/checkpoints/step-00000006.ckpt");
    fs::write(&newest, "nonsense").unwrap();
    for which in ["6", "newest"] {
        let message = ask(3, "run/hold", which);
        assert!(message.contains("step-00000004.ckpt"), "{message}");
    }
    assert!(!fs::exists(&file).unwrap());
}
