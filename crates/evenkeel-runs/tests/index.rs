//! The index of runs says what the folders say, whatever happens to either.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use evenkeel_runs::folder::{EvalLine, Header, Lock, Outcome};
use evenkeel_runs::folder::{LayerLine, StepLine, TimingLine};
use evenkeel_runs::index::entry::Entry;
use evenkeel_runs::index::filter::{Filter, Sort};
use evenkeel_runs::index::{FILE, Query, RunIndex, column};
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::{Kind, Value};
use evenkeel_runs::writer::RunWriter;
use proptest::prelude::*;

struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("evenkeel-index-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Runs as the index tells them, all anew or what changed.
    fn entries(&self, rebuild: bool) -> Vec<Entry> {
        let index = RunIndex::open(&self.0, rebuild).unwrap();
        index.select(&Query::default()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a run with `steps` steps under `lr`, as the trainer does.
fn write(folder: &Path, lr: f64, steps: usize, outcome: Option<&Outcome>) {
    let header = Header {
        evenkeel: "0".to_owned(),
        burn: "0".to_owned(),
        device: "cpu".to_owned(),
        data_sha256: None,
        spec: RunSettings {
            lr,
            ..RunSettings::default()
        },
        layers: Vec::new(),
        others: Vec::new(),
    };
    let mut writer = RunWriter::create(Lock::take(folder).unwrap(), &header, false).unwrap();
    for step in 0..steps {
        let line = StepLine {
            step,
            loss: 1.0 / (step + 1) as f64,
            lr,
            target_lr: lr,
            critical_lr: None,
            spread_std: Some(0.5),
            spread_range: Some(1.0),
            raw_spread_std: Some(0.5),
            raw_spread_range: Some(2.0),
            spread_before_hold: None,
        };
        let layers = LayerLine {
            step,
            weight_norm: Vec::new(),
            grad_norm: Vec::new(),
            cosine: Vec::new(),
            elr: Vec::new(),
            lr_multiplier: None,
            rescale_factor: None,
        };
        let timing = TimingLine { step, seconds: 0.0 };
        writer.step(&line, &layers, None, &timing).unwrap();
    }
    writer
        .eval(&EvalLine {
            step: steps,
            train_loss: None,
            train_accuracy: 0.5,
            test_loss: None,
            test_accuracy: 0.25,
        })
        .unwrap();
    if let Some(outcome) = outcome {
        writer.finish(outcome).unwrap();
    }
}

/// Makes files old enough that their times tell whether they change.
fn age(folder: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(long_ago)
                .unwrap();
        }
    }
}

fn named<'a>(entries: &'a [Entry], name: &str) -> &'a Entry {
    entries.iter().find(|entry| entry.name == name).unwrap()
}

#[test]
fn columns_have_names_of_their_own_and_values_of_their_kinds() {
    let names: BTreeSet<&str> = column::ALL.iter().map(|column| column.name).collect();
    assert_eq!(names.len(), column::ALL.len());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(names.iter().all(|name| name.chars().all(plain)));
    assert!(
        names
            .iter()
            .all(|name| !["stamp", "settings"].contains(name))
    );
    assert_eq!(column::ALL[0].name, "run");

    let folder = Folder::new("columns");
    write(&folder.0.join("whole"), 0.1, 3, Some(&Outcome::Completed));
    fs::create_dir(folder.0.join("bad")).unwrap();
    fs::write(folder.0.join("bad/run.toml"), "not a run").unwrap();
    let entries = folder.entries(false);
    for (entry, column) in entries
        .iter()
        .flat_map(|e| column::ALL.iter().map(move |c| (e, c)))
    {
        let fits = match (entry.value(column), column.kind) {
            (Value::Missing, _) => {
                entry.name == "bad" || !["lr", "state", "done"].contains(&column.name)
            }
            (Value::Text(_), kind) => kind == Kind::Text,
            (Value::Integer(_), kind) => kind == Kind::Integer,
            (Value::Real(_), kind) => kind == Kind::Real,
        };
        assert!(fits, "{} of {}", column.name, entry.name);
    }
    let whole = named(&entries, "whole");
    assert_eq!(
        *whole.named("final_loss"),
        Value::Real((1.0 + 0.5 + 1.0 / 3.0) / 3.0)
    );
    assert_eq!(*whole.named("best_accuracy"), Value::Real(0.25));
    assert_eq!(*whole.named("state"), Value::from("completed"));
    assert!(
        named(&entries, "bad")
            .error()
            .unwrap()
            .starts_with("run.toml: ")
    );
}

#[test]
fn only_what_changed_is_read_again() {
    let folder = Folder::new("changed");
    for name in ["a", "b/c"] {
        write(&folder.0.join(name), 0.1, 2, Some(&Outcome::Completed));
        age(&folder.0.join(name));
    }
    let read = || RunIndex::open(&folder.0, false).unwrap().read;
    assert_eq!((read(), read()), (2, 0));
    fs::write(
        folder.0.join("a/outcome.json"),
        "{\"outcome\":\"interrupted\",\"step\":1}\n",
    )
    .unwrap();
    assert_eq!(read(), 1);
    // It changed a moment ago, and may again without being seen to.
    assert_eq!(read(), 1);
    age(&folder.0.join("a"));
    assert_eq!((read(), read()), (1, 0));
    assert_eq!(RunIndex::open(&folder.0, true).unwrap().read, 2);
}

#[test]
fn a_lock_tells_a_running_run_from_a_killed_one() {
    let folder = Folder::new("lock");
    let run = folder.0.join("run");
    write(&run, 0.1, 2, None);
    age(&run);
    let state = || folder.entries(false)[0].named("state").to_string();
    assert_eq!(state(), "killed");
    let lock = Lock::take(&run).unwrap();
    age(&run);
    assert_eq!(state(), "running");
    drop(lock);
    assert_eq!(state(), "killed");
}

#[test]
fn what_is_no_index_is_replaced_with_a_note() {
    let folder = Folder::new("foreign");
    write(&folder.0.join("run"), 0.1, 2, Some(&Outcome::Completed));
    let expected = folder.entries(false);
    let path = folder.0.join(FILE);
    let good = fs::read(&path).unwrap();
    let sql = |text: &str| {
        fs::write(&path, &good).unwrap();
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(text)
            .unwrap();
        fs::read(&path).unwrap()
    };
    let torn = [&good[..4096], &vec![0x5a; good.len() - 4096]].concat();
    let contents = [
        b"this is no database, but somebody's notes".to_vec(),
        good[..good.len() / 2].to_vec(),
        torn,
        sql("PRAGMA user_version = 2147483647"),
        sql("PRAGMA application_id = 1"),
        sql("DROP TABLE runs"),
    ];
    for (case, content) in contents.iter().enumerate() {
        fs::write(&path, content).unwrap();
        let index = RunIndex::open(&folder.0, false).unwrap();
        assert!(
            index.notes[0].contains("built anew"),
            "{case}: {:?}",
            index.notes
        );
        assert_eq!(index.select(&Query::default()).unwrap(), expected, "{case}");
        assert!(
            RunIndex::open(&folder.0, false).unwrap().notes.is_empty(),
            "{case}"
        );
    }
    // Where nothing can be written, the runs are told all the same.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let index = RunIndex::open(&folder.0, false).unwrap();
    assert!(index.notes[0].contains("in memory"), "{:?}", index.notes);
    assert_eq!(index.select(&Query::default()).unwrap(), expected);
}

#[test]
fn several_at_once_agree() {
    let folder = Folder::new("several");
    for run in 0..20 {
        write(
            &folder.0.join(format!("{run:02}")),
            0.1,
            5,
            Some(&Outcome::Completed),
        );
    }
    let told = std::thread::scope(|scope| {
        let open = || {
            let index = RunIndex::open(&folder.0, false).unwrap();
            assert!(index.notes.is_empty(), "{:?}", index.notes);
            index.select(&Query::default()).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(
        told.iter()
            .all(|entries| entries.len() == 20 && *entries == told[0])
    );
}

#[test]
fn links_in_a_circle_and_nests_do_no_harm() {
    let folder = Folder::new("links");
    write(&folder.0.join("a"), 0.1, 1, Some(&Outcome::Completed));
    write(&folder.0.join("a/within"), 0.1, 1, None);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&folder.0, folder.0.join("a/circle")).unwrap();
        std::os::unix::fs::symlink(folder.0.join("a"), folder.0.join("link")).unwrap();
    }
    let names: Vec<String> = folder
        .entries(false)
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    let expected: &[&str] = if cfg!(unix) {
        &["a", "a/within", "link"]
    } else {
        &["a", "a/within"]
    };
    assert_eq!(names, expected);
}

/// Something that happens to runs.
#[derive(Debug, Clone)]
enum Event {
    Write(usize, usize, bool),
    Damage(usize, Vec<u8>),
    Cut(usize),
    Remove(usize),
    Age(usize),
    Look,
}

fn event() -> impl Strategy<Value = Event> {
    let run = 0..4usize;
    prop_oneof![
        3 => (run.clone(), 0..4usize, any::<bool>()).prop_map(|(r, s, e)| Event::Write(r, s, e)),
        1 => (run.clone(), any::<Vec<u8>>()).prop_map(|(r, bytes)| Event::Damage(r, bytes)),
        1 => run.clone().prop_map(Event::Cut),
        1 => run.clone().prop_map(Event::Remove),
        2 => run.prop_map(Event::Age),
        2 => Just(Event::Look),
    ]
}

fn happen(root: &Path, event: &Event) {
    let folder = |run: &usize| root.join(["a", "b", "b/c", "d/e"][*run]);
    match event {
        Event::Write(run, steps, ends) => {
            let outcome = ends.then_some(Outcome::Completed);
            write(&folder(run), *run as f64 + 0.5, *steps, outcome.as_ref());
        }
        Event::Damage(run, bytes) if folder(run).is_dir() => {
            fs::write(folder(run).join("run.toml"), bytes).unwrap();
        }
        Event::Cut(run) => {
            let path = folder(run).join("steps.jsonl");
            if let Ok(text) = fs::read(&path) {
                fs::write(&path, &text[..text.len() / 2]).unwrap();
            }
        }
        Event::Remove(run) => {
            let _ = fs::remove_dir_all(folder(run));
        }
        Event::Age(run) if folder(run).is_dir() => age(&folder(run)),
        Event::Damage(..) | Event::Age(_) => {}
        Event::Look => drop(RunIndex::open(root, false).unwrap()),
    }
}

/// Text in the neighbourhood of filters.
fn near_filter() -> impl Strategy<Value = String> {
    let words = [
        "lr", "control", "state", "and", "or", "not", "(", ")", "=", "!=", "<=", ">", "~", "'a b'",
        "\"", "'", "1e-3", "hold", "-1", "!", "é", "\0", ";--",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..14)
        .prop_map(|words| words.join(" "))
}

/// Filters that can be read.
fn filter() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        (
            prop::sample::select(vec!["lr", "done", "final_loss"]),
            prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]),
            any::<f64>().prop_filter("finite", |x| x.is_finite())
        )
            .prop_map(|(column, operator, value)| format!("{column}{operator}{value:?}")),
        (
            prop::sample::select(vec!["control", "state", "run"]),
            prop::sample::select(vec!["=", "!=", "~"]),
            any::<String>()
        )
            .prop_map(|(column, operator, text)| format!(
                "{column}{operator}'{}'",
                text.replace('\'', "''")
            )),
    ];
    one.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("not ({one})")),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|all| format!("({})", all.join(") and ("))),
            prop::collection::vec(inner, 2..4).prop_map(|all| format!("({})", all.join(") or ("))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_kept_up_to_date_is_what_is_built_anew(events in prop::collection::vec(event(), 1..16)) {
        let folder = Folder::new("events");
        for event in &events {
            happen(&folder.0, event);
        }
        let kept = folder.entries(false);
        prop_assert_eq!(kept, folder.entries(true));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), near_filter()]) {
        if let Ok(filter) = text.parse::<Filter>() {
            prop_assert_eq!(&filter.to_string().parse::<Filter>().unwrap(), &filter);
        }
        let _ = text.parse::<Sort>();
    }

    #[test]
    fn a_filter_is_read_again_as_it_is(text in filter()) {
        let filter: Filter = text.parse().unwrap();
        prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
    }
}

#[test]
fn filters_mean_what_they_say() {
    let folder = Folder::new("filters");
    for (name, lr) in [("a", 0.1), ("b", 0.5), ("c'd", 1.0)] {
        write(&folder.0.join(name), lr, 2, Some(&Outcome::Completed));
    }
    write(&folder.0.join("empty"), 2.0, 0, None);
    let index = RunIndex::open(&folder.0, false).unwrap();
    let found = |filter: &str, sort: &str, limit: Option<usize>| {
        let query = Query {
            filter: Some(filter.parse().unwrap()),
            sort: Some(sort.parse().unwrap()),
            limit,
        };
        let runs = index.select(&query).unwrap();
        runs.into_iter()
            .map(|run| run.name)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(found("lr>=0.5", "run", None), "b c'd empty");
    assert_eq!(
        found("lr>=0.5 and state=completed", "lr:desc", None),
        "c'd b"
    );
    assert_eq!(found("lr<0.2 or lr>1 and done=0", "run", None), "a empty");
    assert_eq!(found("(lr<0.2 or lr>1) and done=0", "run", None), "empty");
    assert_eq!(found("run='c''d' or run=\"a\"", "run", None), "a c'd");
    assert_eq!(found("run~'; drop table'", "run", None), "");
    assert_eq!(
        found("not final_loss>0", "run", None),
        "empty",
        "there is none to compare"
    );
    assert_eq!(found("final_loss<1e9", "run", None), "a b c'd");
    assert_eq!(
        found("lr>0", "final_loss:desc", Some(4)),
        "a b c'd empty",
        "missing ones come last"
    );
    assert_eq!(found("lr>0", "lr:desc", Some(1)), "empty");
    // Nobody's stack is the limit.
    assert!("not ".repeat(100_000).parse::<Filter>().is_err());
    assert!("(".repeat(100_000).parse::<Filter>().is_err());
    assert!(
        vec!["lr=1"; 100_000]
            .join(" and ")
            .parse::<Filter>()
            .is_err()
    );
    index
        .select(&Query {
            filter: Some(vec!["not(lr=1)"; 100].join(" or ").parse().unwrap()),
            ..Query::default()
        })
        .unwrap();
}
