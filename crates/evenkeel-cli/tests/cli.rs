//! The program as its users meet it: what they type, what they get, what they break.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, numbers, text};
use serde_json::Value;

/// A network small enough for a test.
const SMALL: [&str; 6] = ["--depth", "6", "--width", "16", "--batch-size", "64"];

fn evenkeel(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(arguments);
    command
}

fn train(out: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["train", "--out", out, "--steps", "12", "--eval-every", "5"];
    arguments.extend(SMALL.iter().filter(|_| !more.contains(&"--depth")));
    arguments.extend(more);
    evenkeel(&arguments)
}

#[test]
fn a_comparison_leaves_everything_the_contract_names() {
    let folder = Folder::new("contract");
    let out = folder.path("cmp");
    let run = train(
        &out,
        &[
            "--control",
            "none,critical:minimax,critical+hold,rescale,linear:4",
        ],
    );
    assert!(run.status.success(), "{}", text(&run.stderr));
    let table = text(&run.stdout);
    for part in ["critical:minimax", "explosion", "bn-relu", "report.html"] {
        assert!(table.contains(part), "{part} in\n{table}");
    }
    for control in [
        "none",
        "critical-minimax",
        "critical+hold",
        "rescale",
        "linear-4",
    ] {
        let at = |file: &str| format!("cmp/{control}/{file}");
        let header = folder.read(&at("run.toml"));
        assert!(
            header.contains("seed = 0") && header.contains("evenkeel = "),
            "{header}"
        );
        let (steps, layers) = (
            folder.lines(&at("steps.jsonl")),
            folder.lines(&at("layers.jsonl")),
        );
        assert_eq!((steps.len(), layers.len()), (12, 12));
        for (index, line) in steps.iter().enumerate() {
            assert_eq!(line["step"], index);
            for key in ["loss", "lr", "critical_lr", "spread_std", "spread_range"] {
                assert!(line[key].is_f64(), "{key} in {line}");
            }
        }
        for key in ["weight_norm", "grad_norm", "cosine"] {
            assert_eq!(layers[0][key].as_array().unwrap().len(), 6, "{key}");
        }
        assert_eq!(
            folder.lines(&at("evals.jsonl")).len(),
            4,
            "steps 0, 5, 10 and the end"
        );
        assert_eq!(folder.lines(&at("outcome.json"))[0]["outcome"], "completed");
        assert!(folder.read(&at("report.html")).contains("</html>"));
    }
    // Held ELRs act alike; the same batch shows the same raw norms under every control.
    let held = &folder.lines("cmp/critical+hold/steps.jsonl")[0];
    assert!(held["spread_range"].as_f64().unwrap() < 1e-9);
    let free = &folder.lines("cmp/none/layers.jsonl")[0];
    let rescaled = &folder.lines("cmp/rescale/layers.jsonl")[0];
    assert_eq!(free["grad_norm"], rescaled["grad_norm"]);
    assert_eq!(free["weight_norm"], rescaled["weight_norm"]);
}

#[test]
fn norms_grow_as_the_theory_says() {
    // T4 from one logged step to the next: a check of probe, optimiser and log together.
    let folder = Folder::new("norms");
    assert!(
        train(&folder.path("r"), &["--control", "none"])
            .status
            .success()
    );
    let layers = folder.lines("r/none/layers.jsonl");
    for pair in layers.windows(2) {
        let weights = (
            numbers(&pair[0]["weight_norm"]),
            numbers(&pair[1]["weight_norm"]),
        );
        for (layer, gradient) in numbers(&pair[0]["grad_norm"]).into_iter().enumerate() {
            let expected = weights.0[layer].hypot(0.1 * gradient);
            assert!((weights.1[layer] / expected - 1.0).abs() < 1e-5);
        }
        assert!(
            numbers(&pair[0]["cosine"])
                .iter()
                .all(|cosine| cosine.abs() < 1e-3)
        );
    }
}

#[test]
fn one_seed_fixes_every_bit_and_the_number_of_jobs_does_not_matter() {
    let folder = Folder::new("seed");
    let controls = ["--control", "none,critical+hold,rescale", "--jobs"];
    for (out, jobs) in [("a", "1"), ("b", "3")] {
        let mut more = controls.to_vec();
        more.push(jobs);
        assert!(train(&folder.path(out), &more).status.success());
    }
    for control in ["none", "critical+hold", "rescale"] {
        for file in ["run.toml", "steps.jsonl", "layers.jsonl", "evals.jsonl"] {
            let (one, other) = (format!("a/{control}/{file}"), format!("b/{control}/{file}"));
            assert_eq!(folder.read(&one), folder.read(&other), "{control}/{file}");
        }
    }
    assert!(
        train(&folder.path("c"), &["--control", "none", "--seed", "1"])
            .status
            .success()
    );
    assert_ne!(
        folder.read("a/none/steps.jsonl"),
        folder.read("c/none/steps.jsonl")
    );
}

#[test]
fn divergence_ends_with_4_names_the_layer_and_keeps_what_was_learnt() {
    let folder = Folder::new("diverged");
    let run = train(&folder.path("r"), &["--lr", "1e30", "--control", "none"]);
    assert_eq!(run.status.code(), Some(4));
    let outcome = &folder.lines("r/none/outcome.json")[0];
    assert_eq!(outcome["outcome"], "diverged");
    let (layer, step) = (
        outcome["layer"].as_str().unwrap(),
        outcome["step"].as_u64().unwrap(),
    );
    assert!(layer.starts_with("blocks."), "{layer}");
    let said = text(&run.stdout);
    assert!(
        said.contains(layer) && said.contains("smaller --lr than 1e30"),
        "{said}"
    );
    assert_eq!(folder.lines("r/none/steps.jsonl").len() as u64, step);
    assert!(evenkeel(&["report", &folder.path("r")]).status.success());
}

#[test]
fn gradients_that_overflow_before_the_first_step_are_not_blamed_on_the_rate() {
    let folder = Folder::new("overflow");
    let run = train(&folder.path("r"), &["--depth", "700", "--width", "16"]);
    assert_eq!(run.status.code(), Some(2));
    let said = text(&run.stderr);
    assert!(said.contains(".weight`: gradient norm is"), "{said}");
    assert!(said.contains("take fewer layers"), "{said}");
    assert!(!said.contains("learning rate"), "{said}");
}

#[test]
fn an_existing_run_stays_unless_it_is_to_be_overwritten() {
    let folder = Folder::new("taken");
    let out = folder.path("r");
    assert!(train(&out, &["--control", "none"]).status.success());
    fs::write(folder.0.join("r/none/notes.txt"), "mine").unwrap();
    let before = folder.read("r/none/steps.jsonl");
    // One folder that is taken stops the whole call before anything is trained.
    let again = train(&out, &["--control", "hold,none", "--seed", "5"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stderr).contains("--overwrite"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(folder.read("r/none/steps.jsonl"), before);
    assert!(!folder.0.join("r/hold").exists());

    let replaced = train(&out, &["--control", "none", "--seed", "5", "--overwrite"]);
    assert!(replaced.status.success());
    assert_ne!(folder.read("r/none/steps.jsonl"), before);
    assert_eq!(
        folder.read("r/none/notes.txt"),
        "mine",
        "what is not a run's is left alone"
    );
}

#[test]
fn nonsense_is_refused_with_2_and_what_is_permitted() {
    let cases: [(&[&str], &str); 22] = [
        (&["--model", "lenet"], "permitted: mlp, conv, resnet"),
        (&["--norm", "batch"], "permitted: bn, ln, gn, rms, none"),
        (&["--activation", "elu"], "permitted: relu, gelu"),
        (&["--init", "he"], "permitted: kaiming, xavier, orthogonal"),
        (&["--model", "resnet", "--depth", "21"], "6n+2"),
        (&["--model", "vit", "--width", "100"], "multiple of 64"),
        (
            &["--model", "gpt"],
            "takes tokens, but the data set has images",
        ),
        (&["--no-shortcut"], "it has none"),
        (
            &["--depth", "9999", "--width", "9999"],
            "parameters, but may have",
        ),
        (&["--data", "mnits"], "permitted: digits"),
        (&["--control", "critcal"], "critical[:POLICY]"),
        (
            &["--control", "critical:fast"],
            "no-overshoot, top-pair, minimax, min-spread",
        ),
        (&["--control", "none+hold"], "stands alone"),
        (&["--control", "none,none"], "twice"),
        (&["--depth", "0"], "from 1 to 10000"),
        (&["--width", "0"], "from 1 to"),
        (&["--lr", "-0.1"], "finite and at least 0"),
        (&["--lr", "nan"], "finite and at least 0"),
        (&["--lr", "1e999"], "finite and at least 0"),
        (&["--batch-size", "1439"], "from 2 to 1438"),
        (&["--steps", "0"], "from 1 to"),
        (&["--jobs", "0"], "0 is not in 1.."),
    ];
    let folder = Folder::new("nonsense");
    for (arguments, expected) in cases {
        let mut all = vec!["train", "--out", "r"];
        all.extend(arguments);
        let run = command(&all).current_dir(&folder.0).output().unwrap();
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        let said = text(&run.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(
        fs::read_dir(&folder.0).unwrap().count(),
        0,
        "nothing was left behind"
    );
    let format = evenkeel(&["report", &folder.path(""), "--format", "pdf"]);
    assert_eq!(format.status.code(), Some(2));
    assert!(text(&format.stderr).contains("html, svg, png"));
}

#[test]
fn a_network_without_scale_invariant_weights_trains_but_is_not_controlled() {
    let folder = Folder::new("nothing");
    let model = ["--model", "vit", "--depth", "1", "--width", "16"];
    let train = |control: &str| {
        let out = folder.path(control);
        let mut arguments = vec!["train", "--out", &out, "--steps", "3", "--control", control];
        arguments.extend(model);
        evenkeel(&arguments)
    };
    let run = train("linear:3");
    assert!(run.status.success(), "{}", text(&run.stderr));
    let steps = folder.lines("linear:3/linear-3/steps.jsonl");
    assert_eq!(steps.len(), 3);
    assert!(steps[0]["spread_range"].is_null() && steps[0]["lr"].as_f64().unwrap() < 0.05);
    let refused = train("hold");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("control none or linear:STEPS"));
}

#[test]
fn reports_come_from_folders_and_say_what_is_wrong_with_them() {
    let folder = Folder::new("report");
    assert!(
        train(&folder.path("r"), &["--control", "none,hold"])
            .status
            .success()
    );
    let run = evenkeel(&["report", &folder.path("r"), "--format", "svg,png,html"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    for line in text(&run.stdout).lines() {
        let bytes = fs::read(line).unwrap();
        let starts: &[u8] = match Path::new(line).extension().unwrap().to_str().unwrap() {
            "svg" => b"<svg",
            "png" => b"\x89PNG",
            _ => b"<!doctype html>",
        };
        assert!(bytes.starts_with(starts), "{line}");
    }
    // The page is self-contained: nothing is fetched from anywhere.
    let page = folder
        .read("r/report.html")
        .replace("http://www.w3.org/2000/svg", "");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));

    // A killed run: the last line has no end.
    let steps = folder.0.join("r/none/steps.jsonl");
    let mut torn = fs::read_to_string(&steps).unwrap();
    torn.truncate(torn.len() - 20);
    fs::write(&steps, &torn).unwrap();
    fs::remove_file(folder.0.join("r/none/outcome.json")).unwrap();
    assert!(evenkeel(&["report", &folder.path("r")]).status.success());
    assert!(
        folder
            .read("r/report.html")
            .contains("unfinished after 11 steps")
    );

    // Damage in the middle is not passed over.
    fs::write(&steps, torn.replacen("\"loss\"", "\"lo", 1)).unwrap();
    let run = evenkeel(&["report", &folder.path("r")]);
    assert_eq!(run.status.code(), Some(3));
    assert!(
        text(&run.stderr).contains("steps.jsonl, line 1"),
        "{}",
        text(&run.stderr)
    );

    let run = evenkeel(&["report", &folder.path("nowhere")]);
    assert_eq!(run.status.code(), Some(3));
    assert!(text(&run.stderr).contains("holds no run"));
}

#[test]
fn hostile_names_in_a_run_do_not_reach_the_page() {
    let folder = Folder::new("hostile");
    assert!(
        train(&folder.path("r"), &["--control", "none"])
            .status
            .success()
    );
    let path = folder.0.join("r/none/run.toml");
    let header = fs::read_to_string(&path).unwrap();
    let evil = "</script><script>alert(1)</script>";
    fs::write(&path, header.replace("blocks.0.linear.weight", evil)).unwrap();
    assert!(
        evenkeel(&["report", &folder.path("r/none")])
            .status
            .success()
    );
    assert!(!folder.read("r/none/report.html").contains(evil));
}

#[test]
fn a_snapshot_has_its_files_and_norms_that_fit_them() {
    let folder = Folder::new("snapshot");
    let out = folder.path("s");
    let mut arguments = vec!["snapshot", "--out", &out];
    arguments.extend(SMALL);
    assert!(evenkeel(&arguments).status.success());
    let csv = folder.read("s/snapshot.csv");
    assert!(csv.starts_with("layer,weight_norm,grad_norm,numel,cosine\nblocks.0.linear.weight,"));
    assert_eq!(csv.lines().count(), 7);
    let model: Value = serde_json::from_str(&folder.read("s/model.json")).unwrap();
    assert_eq!(model["layers"].as_array().unwrap().len(), 3 * 6 + 1);
    let norms = |file: &str| -> Vec<f64> {
        let bytes = fs::read(folder.0.join("s").join(file)).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let index: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
        let norm = |i: usize| {
            let entry = &index[format!("blocks.{i}.linear.weight")];
            assert_eq!(
                entry["shape"],
                serde_json::json!([16, if i == 0 { 64 } else { 16 }])
            );
            let span = numbers(&entry["data_offsets"]);
            let data = &bytes[8 + header..][span[0] as usize..span[1] as usize];
            let values = data
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt()
        };
        (0..6).map(norm).collect()
    };
    let (weights, gradients) = (norms("weights.safetensors"), norms("gradients.safetensors"));
    for (layer, line) in csv.lines().skip(1).enumerate() {
        let field = |i: usize| line.split(',').nth(i).unwrap().parse::<f64>().unwrap();
        assert!((field(1) / weights[layer] - 1.0).abs() < 1e-6);
        assert!((field(2) / gradients[layer] - 1.0).abs() < 1e-6);
    }
    assert_eq!(
        evenkeel(&arguments).status.code(),
        Some(2),
        "not overwritten"
    );
}

#[test]
fn units_are_measured_held_and_forecast() {
    let folder = Folder::new("units");
    let out = folder.path("t");
    let run = train(&out, &["--granularity", "unit", "--control", "none,hold"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let header = folder.read("t/hold/run.toml");
    assert!(header.contains("granularity = \"unit\"") && header.contains("axis = 1"));
    let lines = |control: &str| {
        let layers = folder.lines(&format!("t/{control}/layers.jsonl"));
        assert_eq!(numbers(&layers[0]["elr"]).len(), 6);
        folder.lines(&format!("t/{control}/units.jsonl"))
    };
    let within = |line: &Value| {
        let widths = line["elr"].as_array().unwrap().iter().map(|quantiles| {
            let quantiles = numbers(quantiles);
            assert!(quantiles.is_sorted() && quantiles.len() == 5);
            quantiles[4] / quantiles[0]
        });
        widths.fold(0.0, f64::max)
    };
    let (free, held) = (lines("none"), lines("hold"));
    assert_eq!((free.len(), held.len()), (12, 12));
    assert!(within(&free[0]) > 1.5 && (within(&held[0]) - 1.0).abs() < 1e-3);
    assert!(
        folder
            .read("t/report.html")
            .contains("ELR of units by layer")
    );

    // What a snapshot says of units is a snapshot like any other.
    let snapshot = folder.path("s");
    let mut arguments = vec!["snapshot", "--granularity", "unit", "--out", &snapshot];
    arguments.extend(SMALL);
    assert!(evenkeel(&arguments).status.success());
    let csv = folder.read("s/snapshot.csv");
    assert!(csv.contains("blocks.5.linear.weight[15],") && csv.lines().count() == 1 + 6 * 16);
    let file = folder.path("s/snapshot.csv");
    let forecast = evenkeel(&["forecast", &file, "--lr", "0.1", "--steps", "3", "--json"]);
    assert!(forecast.status.success(), "{}", text(&forecast.stderr));
    let refused = evenkeel(&["train", "--granularity", "row", "--out", &out]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("layer, unit"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_130_and_a_readable_folder() {
    let folder = Folder::new("interrupt");
    let out = folder.path("r");
    let mut arguments = vec![
        "train",
        "--out",
        &out,
        "--steps",
        "1000000",
        "--control",
        "none",
    ];
    arguments.extend(SMALL);
    let child = command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let steps = folder.0.join("r/none/steps.jsonl");
    let start = Instant::now();
    while fs::metadata(&steps).map_or(0, |file| file.len()) < 1000 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it never started"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // A second writer is refused meanwhile.
    let second = train(&out, &["--control", "none", "--overwrite"]);
    assert_eq!(second.status.code(), Some(3));
    assert!(
        text(&second.stderr).contains("another process"),
        "{}",
        text(&second.stderr)
    );

    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let run = child.wait_with_output().unwrap();
    assert_eq!(run.status.code(), Some(130));
    let outcome = &folder.lines("r/none/outcome.json")[0];
    assert_eq!(outcome["outcome"], "interrupted");
    assert_eq!(
        folder.lines("r/none/steps.jsonl").len() as u64,
        outcome["step"].as_u64().unwrap()
    );
    assert!(text(&run.stdout).contains("interrupted after"));
    assert!(folder.read("r/report.html").contains("interrupted after"));
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    let mut child = command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = child.wait_with_output().unwrap();
    assert!(run.status.success() && !text(&run.stderr).contains("panicked"));
}

#[test]
fn help_reads_like_documentation() {
    for (name, arguments) in [
        ("evenkeel", vec!["--help"]),
        ("train", vec!["train", "--help"]),
        ("sweep", vec!["sweep", "--help"]),
        ("reproduce", vec!["reproduce", "--help"]),
        ("snapshot", vec!["snapshot", "--help"]),
        ("weights", vec!["weights", "--help"]),
        ("report", vec!["report", "--help"]),
        ("runs", vec!["runs", "--help"]),
        ("runs-list", vec!["runs", "list", "--help"]),
        ("runs-compare", vec!["runs", "compare", "--help"]),
        ("runs-export", vec!["runs", "export", "--help"]),
        ("forecast", vec!["forecast", "--help"]),
        ("advise", vec!["advise", "--help"]),
        ("drift", vec!["drift", "--help"]),
        ("phase", vec!["phase", "--help"]),
        ("data", vec!["data", "--help"]),
        ("data-get", vec!["data", "get", "--help"]),
    ] {
        let help = command(&arguments).env("COLUMNS", "100").output().unwrap();
        insta::assert_snapshot!(format!("help-{name}"), text(&help.stdout));
    }
}

#[test]
fn training_takes_an_optimiser_a_schedule_clipping_and_patience() {
    let folder = Folder::new("options");
    let out = folder.path("adam");
    let options = [
        "--optimizer",
        "adamw:decay=0.01",
        "--schedule",
        "linear-warmup:5+cosine",
        "--lr",
        "0.01",
        "--control",
        "none,hold",
    ];
    let run = train(&out, &options);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let lines = folder.lines("adam/none/steps.jsonl");
    let lr = |step: usize| lines[step]["lr"].as_f64().unwrap();
    assert!((lr(0) - 0.002).abs() < 1e-12 && (lr(4) - 0.01).abs() < 1e-12 && lr(11) < lr(5));
    // Under Adam a layer's first ELR is that of an update of ±1 in each entry: √numel/‖W‖ (T19).
    let layers = &folder.lines("adam/none/layers.jsonl")[0];
    let (weight, elr) = (numbers(&layers["weight_norm"]), numbers(&layers["elr"]));
    assert!((elr[1] * weight[1] / 16.0 - 1.0).abs() < 0.05, "{elr:?}");
    let held = folder.lines("adam/hold/steps.jsonl");
    assert!(
        held.iter()
            .all(|line| line["spread_range"].as_f64().unwrap() < 1e-6)
    );

    // A rate at which nothing is learnt: the second evaluation is no better than the first.
    let out = folder.path("patience");
    let run = train(&out, &["--lr", "0", "--patience", "1", "--control", "none"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(
        text(&run.stdout).contains("no better at step"),
        "{}",
        text(&run.stdout)
    );

    for (options, expected) in [
        (["--optimizer", "momentun"], "unknown optimizer"),
        (["--schedule", "cosinus"], "unknown schedule"),
        (
            ["--clip-norm", "-1"],
            "--clip-norm is -1, but must be above 0",
        ),
        (["--accumulate", "0"], "--accumulate is 0"),
        (["--patience", "0"], "--patience is 0"),
    ] {
        let run = train(&folder.path("bad"), &options);
        assert_eq!(run.status.code(), Some(2));
        assert!(
            text(&run.stderr).contains(expected),
            "{}",
            text(&run.stderr)
        );
    }
}

#[test]
fn a_config_file_says_what_the_command_line_does_not() {
    let folder = Folder::new("config");
    let config = folder.path("my.toml");
    fs::write(
        &config,
        "depth = 5\nwidth = 8\nlr = 0.02\ncontrol = \"none,rescale\"\n",
    )
    .unwrap();
    let print = |more: &[&str]| {
        let mut arguments = vec!["train", "--config", &config, "--print-config"];
        arguments.extend(more);
        evenkeel(&arguments)
    };
    let resolved = text(&print(&["--depth", "4", "--seed", "0"]).stdout);
    for line in [
        "depth = 4",
        "width = 8",
        "lr = 0.02",
        "control = \"none,rescale\"",
        "norm = \"bn\"",
    ] {
        assert!(resolved.contains(line), "{line} in\n{resolved}");
    }
    // What is printed is a config, and so is a run's own file.
    fs::write(folder.path("resolved.toml"), &resolved).unwrap();
    let again = evenkeel(&[
        "train",
        "--config",
        &folder.path("resolved.toml"),
        "--print-config",
    ]);
    assert_eq!(text(&again.stdout), resolved);
    assert!(
        train(&folder.path("run"), &["--control", "none"])
            .status
            .success()
    );
    let run = folder.path("run/none/run.toml");
    let again = evenkeel(&["train", "--config", &run, "--print-config"]);
    assert!(
        text(&again.stdout).contains("steps = 12"),
        "{}",
        text(&again.stderr)
    );

    for (content, expected) in [
        ("dept = 5", "unknown field `dept`"),
        ("depth = \"deep\"", "expected usize"),
        ("depth = ", "my.toml"),
    ] {
        fs::write(&config, content).unwrap();
        let refused = print(&[]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(
            text(&refused.stderr).contains(expected),
            "{}",
            text(&refused.stderr)
        );
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new("man");
    let run = evenkeel(&["man", &folder.path("man1")]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    for page in ["evenkeel", "evenkeel-train", "evenkeel-runs-list"] {
        let written = fs::read_to_string(folder.path(&format!("man1/{page}.1"))).unwrap();
        assert!(written.contains(&format!(".TH {page} 1")), "{page}");
    }
    assert!(!Path::new(&folder.path("man1/evenkeel-help.1")).exists());
    fs::write(folder.path("file"), "").unwrap();
    let run = evenkeel(&["man", &folder.path("file")]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
}
