//! The direction of dependencies, from the program down to the theory, and what each may know.

use std::fs;
use std::path::Path;

/// From the top down: a crate may use those below it only.
const LAYERS: [&str; 13] = [
    "evenkeel-python",
    "evenkeel-cli",
    "evenkeel-claims",
    "evenkeel-report",
    "evenkeel-train",
    "evenkeel-runs",
    "evenkeel-nn",
    "evenkeel-burn",
    "evenkeel-ops",
    "evenkeel-kernels",
    "evenkeel-snapshot",
    "evenkeel-bulk",
    "evenkeel",
];

fn manifest(name: &str) -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap()
}

/// Names under `[dependencies]`.
fn dependencies(name: &str) -> Vec<String> {
    let text = manifest(name);
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter(|line| !line.starts_with('#'));
    names
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_crate_is_in_the_order() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for entry in fs::read_dir(crates).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            LAYERS.contains(&name.as_str()),
            "{name}: give it a place in LAYERS"
        );
    }
}

#[test]
fn dependencies_point_down() {
    for (height, name) in LAYERS.iter().enumerate() {
        for dependency in dependencies(name) {
            if let Some(depth) = LAYERS.iter().position(|layer| *layer == dependency) {
                assert!(depth > height, "{name} must not use {dependency}");
            }
        }
    }
}

#[test]
fn the_python_module_stands_on_the_theory_alone_and_has_its_version() {
    let ours = dependencies("evenkeel-python");
    let above = ours.iter().filter(|name| name.starts_with("evenkeel"));
    assert_eq!(above.collect::<Vec<_>>(), ["evenkeel", "evenkeel-snapshot"]);
    // It is a workspace of its own, which cannot inherit the version.
    let version = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(manifest("evenkeel-python").contains(&version));
}

#[test]
fn readers_of_runs_need_no_burn() {
    for name in ["evenkeel-runs", "evenkeel-report"] {
        let ours = dependencies(name);
        let allowed = ["evenkeel", "evenkeel-runs"];
        let ours: Vec<_> = ours
            .iter()
            .filter(|name| name.starts_with("evenkeel") || name.starts_with("burn"))
            .filter(|name| !allowed.contains(&name.as_str()))
            .collect();
        assert!(ours.is_empty(), "{name} needs {ours:?}");
    }
}

#[test]
fn only_the_program_knows_its_flags_and_exit_codes() {
    for name in ["nn", "runs", "train", "report", "claims"] {
        assert_free_of(
            &format!("evenkeel-{name}"),
            &["--out", "--lr", "--control", "--overwrite", "ExitCode"],
        );
    }
}

#[test]
fn the_theory_knows_no_framework_and_no_files() {
    // Random numbers that are the same everywhere, the error function, state that can be kept, errors.
    let few = [
        "chacha20",
        "libm",
        "rand",
        "rand_distr",
        "serde",
        "thiserror",
    ];
    assert_eq!(dependencies("evenkeel"), few);
    let forbidden = ["std::fs", "std::io", "std::net", "std::env", "println!"];
    assert_free_of("evenkeel", &forbidden);
}

#[test]
fn nothing_goes_by_the_time_of_day() {
    // Clocks are set back, and files are copied: time is measured with `Instant`, which only goes on.
    for name in LAYERS {
        assert_free_of(name, &["SystemTime", ".modified()", ".created()"]);
    }
}

/// The exceptions: a cache that looks again at whatever is new, and events, whose format asks for the time.
const OF_THE_DAY: [&str; 2] = ["index/stamp.rs", "src/tensorboard.rs"];

/// No source file of the crate has any of these texts in it.
fn assert_free_of(name: &str, forbidden: &[&str]) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders = vec![crates.join(name).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if OF_THE_DAY.iter().any(|exception| path.ends_with(exception)) {
                continue;
            }
            // Binary files are no sources.
            let text = fs::read_to_string(&path).unwrap_or_default();
            for text_of in forbidden {
                assert!(!text.contains(text_of), "{}: {text_of}", path.display());
            }
        }
    }
}
