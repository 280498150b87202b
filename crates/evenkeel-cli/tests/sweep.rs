//! `evenkeel sweep` and `evenkeel reproduce` as their users meet them.

mod common;

use std::fs;

use common::{Folder, evenkeel, text};

const GRID: &str =
    "depth = 3\nwidth = 8\nsteps = 4\n[[grid]]\ncontrol = [\"none\", \"hold\"]\nlr = [0.1, 1]\n";

#[test]
fn a_grid_is_swept_once_and_what_is_added_later_joins_it() {
    let folder = Folder::new("sweep");
    let (grid, out) = (folder.path("grid.toml"), folder.path("runs"));
    fs::write(&grid, GRID).unwrap();
    let names = text(&evenkeel(&["sweep", &grid, "--dry-run"]).stdout);
    assert_eq!(names.lines().count(), 4, "{names}");

    let run = evenkeel(&["sweep", &grid, "--out", &out]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("4 of 4 runs have ended"));
    let listed = text(&evenkeel(&["runs", "list", &out]).stdout);
    assert!(names.lines().all(|name| listed.contains(name)), "{listed}");

    // One that cannot be, beside one that is new.
    fs::write(&grid, GRID.replace("0.1, 1", "0.1, -1, 3")).unwrap();
    let run = evenkeel(&["sweep", &grid, "--out", &out]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(3), "{said}");
    assert!(
        said.contains("4 of 6 runs have ended") && said.contains("failed: mlp3-none-lr-1-s0"),
        "{said}"
    );
}

#[test]
fn a_grid_may_leave_rate_and_control_to_the_network() {
    let folder = Folder::new("sweep-auto");
    let (grid, out) = (folder.path("grid.toml"), folder.path("runs"));
    let text_of_grid = "depth = 3\nwidth = 8\nsteps = 2\n[[grid]]\ncontrol = [\"none\", \"auto\"]\n\
                        lr = [0.1, \"angle:0.2\"]\n";
    fs::write(&grid, text_of_grid).unwrap();
    let run = evenkeel(&["sweep", &grid, "--out", &out]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    for entry in fs::read_dir(&out).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        // Rate and control are a number and a name from there on.
        let run = folder.read(&format!("runs/{name}/run.toml"));
        assert!(!run.contains("auto") && !run.contains("lr = \""), "{run}");
        let again = evenkeel(&[
            "train",
            "--config",
            &format!("{out}/{name}/run.toml"),
            "--print-config",
        ]);
        assert!(again.status.success(), "{}", text(&again.stderr));
    }
}

#[test]
fn nonsense_is_refused_with_what_is_permitted() {
    let folder = Folder::new("sweep-nonsense");
    let grid = folder.path("grid.toml");
    let refused = |content: &str, words: &str, code: i32| {
        fs::write(&grid, content).unwrap();
        let run = evenkeel(&["sweep", &grid, "--out", &folder.path("runs")]);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    };
    refused("[[grid]]\nlr = []", "empty list", 2);
    refused("[[grid]]\nrate = 1", "unknown field `rate`", 2);
    let run = evenkeel(&["sweep", &folder.path("none.toml")]);
    assert_eq!(run.status.code(), Some(3));

    let run = evenkeel(&["reproduce", "gravity"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("permitted: norm-law, explosion"));
    let run = evenkeel(&["reproduce", "--check", &folder.path("")]);
    assert_eq!(run.status.code(), Some(3));
    assert!(text(&run.stderr).contains("holds no page of a claim"));
}

#[test]
fn the_pages_in_the_documentation_follow_from_their_tables() {
    let results = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/results");
    for scale in ["quick", "standard"] {
        let run = evenkeel(&["reproduce", "--check", &format!("{results}/{scale}")]);
        let said = [text(&run.stdout), text(&run.stderr)].concat();
        assert!(run.status.success(), "{scale}: {said}");
    }
}

/// A copy of one claim's page, in a folder of its own.
fn copied(name: &str) -> Folder {
    let folder = Folder::new(name);
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/results/quick/explosion"
    );
    let page = folder.0.join("explosion");
    fs::create_dir_all(&page).unwrap();
    for file in fs::read_dir(source).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), page.join(file.file_name())).unwrap();
    }
    folder
}

#[test]
fn pages_are_written_anew_from_their_tables() {
    let folder = copied("rewritten");
    let page = folder.path("explosion/README.md");
    let before = fs::read(&page).unwrap();
    fs::write(&page, "It holds.").unwrap();
    let check = || evenkeel(&["reproduce", "--check", &folder.path("")]);
    assert!(text(&check().stdout).contains("explosion/README.md"));
    let run = evenkeel(&["reproduce", "--rewrite", &folder.path("")]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    // The page, and the overview that was not copied; figures are as they were.
    assert_eq!(text(&run.stdout).lines().count(), 2);
    assert_eq!(fs::read(&page).unwrap(), before);
    assert!(check().status.success());
    let run = evenkeel(&["reproduce", "--rewrite", &folder.path("none")]);
    assert_eq!(run.status.code(), Some(3));
}

#[test]
fn figures_of_pages_are_drawn_in_any_format() {
    let folder = copied("figures");
    let run = evenkeel(&["report", &folder.path(""), "--format", "html,svg,png"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let read = |name: &str| fs::read(folder.0.join(name)).unwrap();
    let svg = "figures/explosion-profile.svg";
    assert_eq!(read(svg), read("explosion/profile.svg"));
    assert!(read("figures/explosion-profile.png").starts_with(b"\x89PNG"));
    assert!(text(&read("report.html")).contains("Claims about weight dynamics"));

    let run = evenkeel(&["report", &folder.path(""), "--format", "tensorboard"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("permitted: html, svg, png"));
}
