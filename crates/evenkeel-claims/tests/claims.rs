//! What holds for every claim, and what pages owe to the tables beside them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use evenkeel_claims::claim::{ALL, find};
use evenkeel_claims::error::ClaimsError;
use evenkeel_claims::evidence::Evidence;
use evenkeel_claims::finding::Verdict;
use evenkeel_claims::page;
use evenkeel_claims::provenance::Provenance;
use evenkeel_claims::reproduction::Request;
use evenkeel_claims::scale::{SCALES, Scale};
use evenkeel_runs::folder::{Outcome, Run, StepLine};
use evenkeel_runs::settings::RunSettings;
use evenkeel_train::error::TrainError;
use evenkeel_train::resolve::{Resolver, resolve};
use evenkeel_train::sweep::{self, Cell, Jobs, Watcher};
use evenkeel_train::trainer::Start;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("experiment")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn request(scale: Scale) -> Request<'static> {
    Request {
        scale,
        images: None,
    }
}

struct Silent;

impl Watcher for Silent {
    fn step(&self, _: &Cell, _: &StepLine) {}
    fn ended(&self, _: &Cell, _: &Result<Outcome, TrainError>) {}
}

fn jobs(stop: &AtomicBool) -> Jobs<'_> {
    Jobs {
        at_once: 2,
        threads: 1,
        start: Start::Resume,
        checkpoint_every: None,
        keep: 1,
        keep_checkpoints: false,
        events: false,
        stop,
    }
}

fn sweep(cells: &[Cell], folder: &Path, stop: &AtomicBool) -> Vec<Result<Outcome, TrainError>> {
    sweep::run(cells, folder, &jobs(stop), &Resolver::default(), &Silent)
}

#[test]
fn every_claim_says_what_it_is_and_which_runs_it_needs() {
    let names: HashSet<&str> = ALL.iter().map(|claim| claim.name).collect();
    assert_eq!(names.len(), ALL.len());
    for claim in ALL {
        assert!(
            !claim.statement.contains("  ") && !claim.measure.contains("  "),
            "{}",
            claim.name
        );
        for (_, scale) in SCALES {
            let cells = request(*scale).runs(&[claim]).unwrap();
            assert!(!cells.is_empty(), "{}", claim.name);
            let names: HashSet<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
            assert_eq!(names.len(), cells.len(), "{}", claim.name);
        }
    }
}

#[test]
fn every_quick_run_can_be_asked_for() {
    let all: Vec<_> = ALL.iter().collect();
    let mut seen = HashSet::new();
    for cell in request(Scale::Quick).runs(&all).unwrap() {
        // Rates and seeds are numbers like others.
        let kind = RunSettings {
            lr: 0.1.into(),
            seed: 0,
            ..cell.requested.clone()
        };
        if seen.insert(format!("{kind:?}")) {
            resolve(cell.requested).unwrap_or_else(|error| panic!("{}: {error}", cell.name));
        }
    }
}

#[test]
fn without_runs_nothing_is_decided() {
    for claim in ALL {
        assert_eq!(
            claim.judge(&Evidence::none(claim.sheets)).verdict,
            Verdict::Undecided,
            "{}",
            claim.name
        );
    }
}

#[test]
fn a_page_follows_from_its_tables_and_nothing_else() {
    let folder = folder("page");
    let (runs, pages) = (folder.join("runs"), folder.join("pages"));
    let claim = find("explosion").unwrap();
    // Two of its runs: the rest is missing, which the page says.
    let cells = request(Scale::Quick).runs(&[claim]).unwrap();
    let two: Vec<Cell> = cells.iter().take(2).cloned().collect();
    for result in sweep(&two, &runs, &AtomicBool::new(false)) {
        assert_eq!(result.unwrap(), Outcome::Completed);
    }
    let begun = Provenance::default();
    let finding = request(Scale::Quick)
        .conclude(claim, &runs, &pages, begun)
        .unwrap();
    assert!(!finding.figures.is_empty());
    page::write_overview(&pages).unwrap();
    assert_eq!(page::check(&pages).unwrap(), Vec::<PathBuf>::new());
    let text = fs::read_to_string(pages.join("explosion/README.md")).unwrap();
    assert!(text.contains(&format!(
        "2 runs, 0 of them diverged, {} missing",
        cells.len() - 2
    )));

    // A number that is changed shows, and so does a page that is.
    let table = pages.join("explosion/growth.csv");
    let other = fs::read_to_string(&table)
        .unwrap()
        .replace("mlp,50", "mlp,51");
    fs::write(&table, other).unwrap();
    let differs = page::check(&pages).unwrap();
    assert!(
        differs.contains(&pages.join("explosion/README.md")),
        "{differs:?}"
    );
    assert!(matches!(
        page::check(&folder),
        Err(ClaimsError::NoPages { .. })
    ));
}

#[test]
fn a_sweep_goes_on_where_it_was_and_a_run_that_fails_leaves_the_others_alone() {
    let folder = folder("sweep");
    let small = RunSettings {
        depth: Some(2),
        width: Some(8),
        ..RunSettings::default()
    };
    let wrong = RunSettings {
        model: "none-such".to_owned(),
        ..small.clone()
    };
    let cells = sweep::cells(vec![wrong, small.clone(), small]).unwrap();
    assert_eq!(cells.len(), 2, "the same run is done once");

    let stopped = sweep(&cells, &folder, &AtomicBool::new(true));
    assert!(
        stopped
            .iter()
            .all(|result| matches!(result, Ok(Outcome::Interrupted { step: 0 })))
    );
    let results = sweep(&cells, &folder, &AtomicBool::new(false));
    assert!(matches!(results[0], Err(TrainError::Spec(_))));
    assert_eq!(*results[1].as_ref().unwrap(), Outcome::Completed);

    let place = folder.join(&cells[1].name);
    let before = Run::load(&place).unwrap();
    assert!(!place.join("checkpoints").exists());
    let again = sweep(&cells[1..], &folder, &AtomicBool::new(false));
    assert_eq!(*again[0].as_ref().unwrap(), Outcome::Completed);
    assert_eq!(
        Run::load(&place).unwrap().timing,
        before.timing,
        "it is not done again"
    );
}

#[test]
fn a_run_that_diverges_at_once_has_ended_like_others() {
    let folder = folder("diverges");
    let wild = RunSettings {
        depth: Some(2),
        width: Some(8),
        norm: Some("none".to_owned()),
        steps: 50,
        eval_every: 50,
        lr: 1e30,
        ..RunSettings::default()
    };
    let cells = sweep::cells([wild.into()]).unwrap();
    let results = sweep(&cells, &folder, &AtomicBool::new(false));
    assert!(
        matches!(results[0], Ok(Outcome::Diverged { .. })),
        "{results:?}"
    );
}

#[test]
fn random_gradients_obey_the_laws_and_go_on_after_a_stop_as_if_there_had_been_none() {
    let folder = folder("walk");
    let walk = RunSettings {
        depth: Some(3),
        width: Some(16),
        steps: 30,
        eval_every: 10,
        lr: 1.0,
        gradients: "random".to_owned(),
        ..RunSettings::default()
    };
    let cells = sweep::cells([walk.into()]).unwrap();
    let whole = folder.join("whole");
    sweep(&cells, &whole, &AtomicBool::new(false))[0]
        .as_ref()
        .unwrap();
    let run = Run::load(&whole.join(&cells[0].name)).unwrap();
    for pair in run.layers.windows(2) {
        for (before, after) in pair[0].elr.iter().zip(&pair[1].elr) {
            // T5 at λ = 1.
            let foretold = before / (1.0 + before * before);
            assert!((after / foretold - 1.0).abs() < 1e-5, "{before} {after}");
        }
    }

    // Stopped by its watcher after some steps, and gone on with.
    struct StopAt<'a>(&'a AtomicBool);
    impl Watcher for StopAt<'_> {
        fn step(&self, _: &Cell, line: &StepLine) {
            if line.step == 16 {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        fn ended(&self, _: &Cell, _: &Result<Outcome, TrainError>) {}
    }
    let (parts, stop) = (folder.join("parts"), AtomicBool::new(false));
    let one = Jobs {
        at_once: 1,
        ..jobs(&stop)
    };
    let first = sweep::run(&cells, &parts, &one, &Resolver::default(), &StopAt(&stop));
    assert_eq!(
        *first[0].as_ref().unwrap(),
        Outcome::Interrupted { step: 17 }
    );
    let rest = sweep(&cells, &parts, &AtomicBool::new(false));
    assert_eq!(*rest[0].as_ref().unwrap(), Outcome::Completed);
    let resumed = Run::load(&parts.join(&cells[0].name)).unwrap();
    assert_eq!(resumed.layers, run.layers);
}
