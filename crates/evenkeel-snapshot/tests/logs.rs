//! One contract for every format of logs: a fixture of each holds the same network.

use std::fs;
use std::path::{Path, PathBuf};

use evenkeel_snapshot::{LogError, LogOptions, Parsed, format, read_log};

/// The layers of all fixtures, from the input to the output; their ELRs at steps 0 and 100.
const LAYERS: [&str; 3] = ["blocks.0.w", "blocks.2.w", "blocks.10.w"];
const FIRST: [f64; 3] = [0.25, 0.0625, 0.0625];
const LATER: [f64; 3] = [0.25 / 3.0, 0.125 / 5.0, 0.25];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs")
}

/// The logs of a format: what its folder holds, or the folder itself for formats of many files.
fn logs_of(format: &format::Format) -> Vec<PathBuf> {
    let name: String = format
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let folder = fixtures().join(name);
    if format.name == "TensorBoard CSV" {
        return vec![folder];
    }
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn read(path: &Path, options: &LogOptions) -> Result<Parsed, LogError> {
    read_log(&[path], options)
}

fn elrs(parsed: &Parsed) -> Vec<f64> {
    parsed.snapshot.elrs().iter().map(|elr| elr.get()).collect()
}

fn names(parsed: &Parsed) -> Vec<&str> {
    parsed.snapshot.names().collect()
}

#[test]
fn every_format_gives_the_same_network() {
    for format in format::ALL {
        let logs = logs_of(format);
        assert!(!logs.is_empty(), "{}", format.name);
        for log in logs {
            let first =
                read(&log, &LogOptions::default()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                (names(&first), elrs(&first)),
                (LAYERS.to_vec(), FIRST.to_vec()),
                "{}",
                log.display()
            );
            assert_eq!(first.step, Some(0), "{}", log.display());
            let at = LogOptions {
                step: Some(100),
                ..LogOptions::default()
            };
            let later = read(&log, &at).unwrap_or_else(|error| panic!("{error}"));
            let close = elrs(&later)
                .iter()
                .zip(LATER)
                .all(|(a, b)| (a / b - 1.0).abs() < 1e-6);
            assert!(close, "{}: {:?}", log.display(), elrs(&later));
        }
    }
}

#[test]
fn every_format_says_which_steps_and_layers_there_are() {
    for log in format::ALL.iter().flat_map(logs_of) {
        let at = LogOptions {
            step: Some(7),
            ..LogOptions::default()
        };
        let message = read(&log, &at).unwrap_err().to_string();
        assert!(
            message.contains("steps that have them: 0, 100"),
            "{message}"
        );
        let skip = LogOptions {
            skip: vec!["nosuch*".to_owned()],
            ..LogOptions::default()
        };
        let message = read(&log, &skip).unwrap_err().to_string();
        assert!(
            message.contains("`nosuch*`") && message.contains("`blocks.10.w`"),
            "{message}"
        );
        let only = LogOptions {
            only: vec!["blocks.1?.w".to_owned(), "blocks.0.w".to_owned()],
            ..LogOptions::default()
        };
        assert_eq!(
            names(&read(&log, &only).unwrap()),
            ["blocks.0.w", "blocks.10.w"],
            "{}",
            log.display()
        );
    }
}

#[test]
fn a_log_that_is_cut_or_damaged_anywhere_is_read_or_refused() {
    let folder = std::env::temp_dir().join(format!("evenkeel-logs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for log in format::ALL
        .iter()
        .flat_map(logs_of)
        .filter(|path| path.is_file())
    {
        let bytes = fs::read(&log).unwrap();
        let file = folder.join(log.file_name().unwrap());
        for cut in (0..bytes.len()).step_by(1 + bytes.len() / 97) {
            fs::write(&file, &bytes[..cut]).unwrap();
            let _ = read(&file, &LogOptions::default());
            let mut damaged = bytes.clone();
            damaged[cut] ^= 0x15;
            fs::write(&file, &damaged).unwrap();
            let _ = read(&file, &LogOptions::default());
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// A folder that is removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("evenkeel-log-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read_text(folder: &str, text: &str, options: &LogOptions) -> Result<Parsed, String> {
    let folder = Folder::new(folder);
    let name = if text.starts_with(['{', '[']) {
        "log.jsonl"
    } else {
        "log.csv"
    };
    let file = folder.file(name, text);
    read(&file, options).map_err(|error| {
        error
            .to_string()
            .replace(&file.display().to_string(), "log")
    })
}

/// Logs, and the words that the refusal must have.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "step,grad_norm/a\n0,1\n",
        &["`a` has no weight_norm", "log both norms"],
    ),
    (
        "step,loss,train/grad_norm\n0,1,5\n",
        &[
            "no tag is grad_norm/LAYER",
            "`train/grad_norm`",
            "--weight PATTERN",
        ],
    ),
    ("loss\n1\n", &["no column counts steps", "found `loss`"]),
    ("epoch,grad_norm/a\n1,2\n", &["no column counts steps"]),
    (
        "step,grad_norm/a,weight_norm/a\n0,1,\n1,,2\n",
        &["not there at one step", "log them together"],
    ),
    (
        "step,grad_norm/a,weight_norm/a\n0,1,-2\n",
        &[
            "layer `a`",
            "`weight_norm` is `-2.0` at step 0",
            "no norm is negative",
        ],
    ),
    (
        "step,grad_norm/a,weight_norm/a,grad_norm/b,weight_norm/b\n0,0.0000,1,0.5000,1\n",
        &[
            "layer `a`",
            "`grad_norm` is `0.0000` at step 0",
            "rounded to 4 decimals",
        ],
    ),
    (
        "step,grad_norm/a,weight_norm/a\n0,NaN,1\n",
        &["layer `a`", "diverged"],
    ),
    (
        "step,grad_norm/a,weight_norm/a\n0,1,1\n0,5,1\n",
        &["is 1 in log, row 2", "but 5 in log, row 3", "`grad_norm/a`"],
    ),
    (
        "step,train/grad_norm/a,val/grad_norm/a,weight_norm/a\n0,1,2,1\n",
        &["`train/grad_norm/a`, but 2 in", "`val/grad_norm/a`"],
    ),
    (
        "Step,A - grad_norm/l,A - weight_norm/l,B - grad_norm/l\n0,1,1,5\n",
        &["2 runs: `A`, `B`", "--run NAME"],
    ),
    (
        "run,step,layer,weight_norm,grad_norm\nx,0,a,1,1\ny,0,a,1,2\n",
        &["2 runs: `x`, `y`"],
    ),
    (
        "_step,gradients/a,parameters/a\n0,\"{\"\"_type\"\": \"\"histogram\"\"}\",\"{\"\"_type\"\": \"\"histogram\"\"}\"\n",
        &[
            "`gradients/a`, `parameters/a` hold histograms",
            "p.grad.norm()",
        ],
    ),
    (
        "step,grad_norm/a,weight_norm/a\n0,1\n1,1,1\n",
        &["row 2", "2 fields, but the header has 3"],
    ),
    (
        "{\"step\": 0, \"grad_norm/a\": \n1}\n",
        &["line 1", "not JSON"],
    ),
    (
        "step,grad_norm/a\u{1b}[31m,weight_norm/a\u{1b}[31m\n0,1,1\n",
        &["`a\\u{1b}[31m`", "control characters"],
    ),
    (
        "layer,weight_norm,grad_norm\na,1,1\nb,1,0.0000\n",
        &["layer `b`: log, row 3, column `grad_norm` is `0.0000`"],
    ),
];

#[test]
fn what_says_too_little_or_two_things_is_refused_with_reasons() {
    for (text, words) in REFUSED {
        let message = match read_text("refused", text, &LogOptions::default()) {
            Ok(parsed) => panic!("{text:?} was read as {parsed:?}"),
            Err(message) => message,
        };
        for word in *words {
            assert!(message.contains(word), "{text:?}: {message}");
        }
    }
}

/// Logs, their layers and ELRs, and the words of warnings.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [f64],
    &'static [&'static str],
);

const ACCEPTED: &[Case] = &[
    // Roll-ups, whatever they are called.
    (
        "step,grad_norm,train/grad_norm,grad_norm/total,weight_norm/total,weight_norm/a,grad_norm/a\n0,9,9,9,9,2,1\n",
        &["a"],
        &[0.5],
        &["`grad_norm/total`", "`train/grad_norm`", "over all weights"],
    ),
    // A norm that is that of others together, of all or of those below its name.
    (
        "step,weight_norm/e.0.w,weight_norm/e.1.w,weight_norm/e,weight_norm/h,grad_norm/e.0.w,grad_norm/e.1.w,grad_norm/e,grad_norm/h\n\
         0,3,4,5,1,0.6,0.8,1,1\n",
        &["e.0.w", "e.1.w", "h"],
        &[0.6 / 3.0, 0.8 / 4.0, 1.0],
        &["set aside `e`: the norm of other layers together"],
    ),
    // The trainer's steps join what the tracker counted apart.
    (
        "trainer/global_step,_step,weight_norm/a,grad_norm/a\n4,9,,\n5,10,1,\n5,11,,0.5\n",
        &["a"],
        &[0.5],
        &[],
    ),
    (
        "trainer/global_step,_step,weight_norm/a,grad_norm/a\n5,10,1,0.5\n,11,2,0.5\n",
        &["a"],
        &[0.5],
        &[],
    ),
    // Wrappers' prefixes, but never two parameters under one name.
    (
        "step,weight_norm/module._orig_mod.a,grad_norm/a\n0,1,0.5\n",
        &["a"],
        &[0.5],
        &[],
    ),
    (
        "step,weight_norm/module.a,grad_norm/module.a,weight_norm/a,grad_norm/a\n0,1,1,1,2\n",
        &["module.a", "a"],
        &[1.0, 2.0],
        &[],
    ),
    // Suffixes of Lightning, also behind a name that stands last.
    (
        "_step,a/weight_norm_step,a/grad_norm_step,b/weight_norm_step,b/grad_norm_step\n0,1,2,1,3\n",
        &["a", "b"],
        &[2.0, 3.0],
        &[],
    ),
    // A step that cannot be used is passed over, and said.
    (
        "step,weight_norm/a,grad_norm/a\n0,1,0\n10,1,2\n",
        &["a"],
        &[2.0],
        &["took step 10: at step 0 grad_norm of `a` is 0.0"],
    ),
    (
        "step,weight_norm/a,grad_norm/a\n0,NaN,1\n1,1,Infinity\n2,1,3\n",
        &["a"],
        &[3.0],
        &["took step 2"],
    ),
    // A row that is being written.
    (
        "step,weight_norm/a,grad_norm/a\n0,1,1\n1,1",
        &["a"],
        &[1.0],
        &[],
    ),
    // Rounded values are named, exact ones not.
    (
        "step,weight_norm/a,weight_norm/b,grad_norm/a,grad_norm/b\n0,1.0000,1.0000,0.5000,0.0001\n",
        &["a", "b"],
        &[0.5, 0.0001],
        &["grad_norm is rounded to 4 decimals", "for `b`"],
    ),
    (
        "step,weight_norm/a,weight_norm/b,grad_norm/a,grad_norm/b\n0,1.0,2.0,0.1,0.02\n",
        &["a", "b"],
        &[0.1, 0.01],
        &[],
    ),
    // Layers without a partner, and gains.
    (
        "step,weight_norm/a,grad_norm/a,grad_norm/a.bias\n0,1,1,9\n",
        &["a"],
        &[1.0],
        &["`a.bias` has no weight_norm"],
    ),
    (
        "step,weight_norm/a,grad_norm/a,weight_norm/a.norm.weight,grad_norm/a.norm.weight\n0,1,1,8,2\n",
        &["a", "a.norm.weight"],
        &[1.0, 0.25],
        &["`a.norm.weight` sound like gains"],
    ),
    // ELRs as evenkeel logs them.
    (
        "step,elr/spread_decades,elr/layer/a,elr/layer/b\n0,1.5,0.5,0.25\n",
        &["a", "b"],
        &[0.5, 0.25],
        &[],
    ),
    // Numbers of Python that JSON does not have.
    (
        "{\"iter\": 0, \"loss\": NaN, \"a\": \"NaN, {\", \"weight_norm/a\": 1, \"grad_norm/a\": 2}\n{\"iter\": 1, \"loss\": -Infin",
        &["a"],
        &[2.0],
        &[],
    ),
];

#[test]
fn what_is_meant_is_read_and_what_is_set_aside_is_said() {
    for (text, layers, expected, warnings) in ACCEPTED {
        let parsed = read_text("accepted", text, &LogOptions::default());
        let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert_eq!(
            (names(&parsed), elrs(&parsed)),
            (layers.to_vec(), expected.to_vec()),
            "{text:?}"
        );
        let said = parsed.warnings.join("\n");
        for word in *warnings {
            assert!(said.contains(word), "{text:?}: {said}");
        }
        assert!(!warnings.is_empty() || said.is_empty(), "{text:?}: {said}");
    }
}

#[test]
fn a_run_is_chosen_by_its_name() {
    let text =
        "Step,A - grad_norm/l,A - weight_norm/l,B - grad_norm/l,B - weight_norm/l\n0,1,1,5,1\n";
    let run = |name: &str| LogOptions {
        run: Some(name.to_owned()),
        ..LogOptions::default()
    };
    assert_eq!(elrs(&read_text("run", text, &run("B")).unwrap()), [5.0]);
    let message = read_text("run", text, &run("C")).unwrap_err();
    assert!(
        message.contains("no run is called `C`; there are `A`, `B`"),
        "{message}"
    );
    // Files that do not say their run are runs of their own by name.
    let folder = Folder::new("runs");
    let log = |grad: f64| format!("step,weight_norm/a,grad_norm/a\n0,1,{grad}\n");
    let files = [
        folder.file("x.csv", log(1.0)),
        folder.file("y.csv", log(2.0)),
    ];
    let message = read_log(&files, &LogOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("x.csv, row 2") && message.contains("y.csv, row 2"),
        "{message}"
    );
    assert_eq!(elrs(&read_log(&files, &run("y")).unwrap()), [2.0]);
    // A folder is the same.
    assert_eq!(elrs(&read(&folder.0, &run("x")).unwrap()), [1.0]);
}

#[test]
fn norms_may_be_called_anything() {
    let text = "10,2,1,,\n20,4,1,2,1\n";
    let text = format!("\"Step\",\"run - a/w\",\"run - a/g\",\"run - b/w\",\"run - b/g\"\n{text}");
    let named = |weight: &str, gradient: &str| LogOptions {
        weight: Some(weight.to_owned()),
        gradient: Some(gradient.to_owned()),
        ..LogOptions::default()
    };
    let parsed = read_text("names", &text, &named("w", "g")).unwrap();
    assert_eq!(
        (names(&parsed), elrs(&parsed)),
        (vec!["a", "b"], vec![0.25, 0.5])
    );
    let text = "step,opt/a/size,opt/a/slope\n0,4,1\n";
    let parsed = read_text("names", text, &named("opt/*/size", "opt/*/slope")).unwrap();
    assert_eq!((names(&parsed), elrs(&parsed)), (vec!["a"], vec![0.25]));
}

#[test]
fn logged_updates_are_the_elrs_of_optimizers_that_go_by_them() {
    let text =
        "step,train/learning_rate,weight_norm/a,grad_norm/a,update_norm/a\n100,0.01,2,8,0.1\n";
    let parsed = read_text("updates", text, &LogOptions::default()).unwrap();
    let by = |optimizer: &str| {
        let elrs = parsed.elrs_for(&optimizer.parse().unwrap());
        elrs.unwrap()
            .iter()
            .map(|elr| elr.get())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (by("sgd"), by("adamw")),
        (vec![4.0], vec![0.1 / (0.01 * 2.0)])
    );
    assert_eq!(parsed.step, Some(100));
    let text = text.replace("train/learning_rate", "loss");
    let parsed = read_text("updates", &text, &LogOptions::default()).unwrap();
    assert!(
        parsed.warnings[0].contains("no learning rate at this step"),
        "{:?}",
        parsed.warnings
    );
}

#[test]
fn one_step_s_norms_have_no_step_and_can_be_skipped() {
    let text = "layer,weight_norm,grad_norm\na,1,1\nb,1,2\n";
    let skip = LogOptions {
        skip: vec!["a".to_owned()],
        ..LogOptions::default()
    };
    assert_eq!(names(&read_text("plain", text, &skip).unwrap()), ["b"]);
    let at = LogOptions {
        step: Some(0),
        ..LogOptions::default()
    };
    assert!(
        read_text("plain", text, &at)
            .unwrap_err()
            .contains("leave out --step")
    );
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_refused_at_once() {
    let message = read(Path::new("/dev/zero"), &LogOptions::default()).unwrap_err();
    assert!(
        message.to_string().contains("a device may never end"),
        "{message}"
    );
    let folder = Folder::new("pipe");
    let pipe = folder.0.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        assert!(matches!(
            read(&pipe, &LogOptions::default()),
            Err(LogError::NotAFile { .. })
        ));
    }
}

#[test]
fn an_input_beyond_the_limit_is_refused() {
    let mut options = LogOptions::default();
    options.limits.bytes = 20;
    let message =
        read_text("large", "step,weight_norm/a,grad_norm/a\n0,1,1\n", &options).unwrap_err();
    assert!(
        message.contains("more than the 20 bytes permitted"),
        "{message}"
    );
}

#[test]
fn the_guide_lists_every_format() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-a-log.md");
    let guide = fs::read_to_string(guide).unwrap();
    for format in format::ALL {
        assert!(
            guide.contains(&format!("\n| {} |", format.name)),
            "{}",
            format.name
        );
    }
}
