//! Runs that are killed, starved of disk, damaged or written to twice: nothing is lost, and what is
//! resumed ends with the same bits as what never stopped.

mod common;
#[path = "common/killed.rs"]
mod killed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use common::{Folder, text};
use killed::{PATIENCE, held_at};

/// A run that takes a tenth of a second and has every kind of write in it.
const RUN: [&str; 18] = [
    "--depth",
    "4",
    "--width",
    "8",
    "--batch-size",
    "32",
    "--steps",
    "120",
    "--eval-every",
    "50",
    "--checkpoint-every",
    "7",
    "--keep",
    "2",
    "--control",
    "hold",
    "--jobs",
    "1",
];
/// All that a run leaves and that must not depend on whether it was stopped.
const FILES: [&str; 6] = [
    "run.toml",
    "steps.jsonl",
    "layers.jsonl",
    "evals.jsonl",
    "outcome.json",
    "checkpoints",
];

fn train(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command
        .arg("train")
        .args(RUN.iter().filter(|_| !more.contains(&"--control")))
        .arg("--out")
        .arg(out)
        .args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn resume(out: &Path) -> Output {
    let output = train(out, &["--resume"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

/// The bytes of all that must be the same, by name. Checkpoints hold the length of the timing log,
/// which differs; their names count.
fn result(out: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let run = out.join("hold");
    let content = |name: &str| {
        let path = run.join(name);
        if path.is_dir() {
            let mut names: Vec<String> = fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            return names.join("\n").into_bytes();
        }
        fs::read(path).unwrap()
    };
    FILES.map(|name| (name, content(name))).into()
}

fn reference(folder: &Folder) -> Vec<(&'static str, Vec<u8>)> {
    let out = folder.0.join("reference");
    let run = train(&out, &[]).output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    result(&out)
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Starts the run with a place to stop at, and kills it there. `false` when it never came there.
fn kill_at(out: &Path, place: &str, count: usize, more: &[&str]) -> bool {
    let marker = out.with_extension("marker");
    held_at(train(out, more), (place, count), &marker, || {})
}

#[test]
fn killed_at_any_place_a_run_resumes_to_the_same_bits() {
    let folder = Folder::new("places");
    let expected = reference(&folder);
    let places = [
        ("header-begins", vec![1]),
        ("header-written", vec![1]),
        ("file-written", vec![1, 2, 3, 9, 20]),
        ("line-torn", vec![1, 2, 3, 100, 301]),
        ("step-half-logged", vec![1, 7, 8, 120]),
        ("checkpoint-begins", vec![1, 2, 18]),
        ("checkpoint-written", vec![1, 3, 18]),
        ("checkpoint-pruned", vec![1, 5]),
        ("outcome-begins", vec![1]),
    ];
    for (place, counts) in places {
        for count in counts {
            let out = folder.0.join(format!("{place}-{count}"));
            assert!(
                kill_at(&out, place, count, &[]),
                "{place} {count} was never reached"
            );
            resume(&out);
            assert!(result(&out) == expected, "{place} {count}");
        }
    }
}

#[test]
fn killed_again_and_again_a_run_comes_to_the_same_end() {
    let folder = Folder::new("kills");
    let expected = reference(&folder);
    let mut delays = (1u64..).map(|i| Duration::from_millis(2 + i.wrapping_mul(7_919) % 90));
    let (mut kills, mut run) = (0, 0);
    while kills < 200 {
        let out = folder.0.join(format!("run-{run}"));
        run += 1;
        for attempt in 0..12 {
            let more: &[&str] = if attempt == 0 { &[] } else { &["--resume"] };
            let mut child = train(&out, more).spawn().unwrap();
            std::thread::sleep(delays.next().unwrap());
            if child.try_wait().unwrap().is_some() {
                break;
            }
            kill(child);
            kills += 1;
        }
        resume(&out);
        assert!(result(&out) == expected, "run {run} after {kills} kills");
    }
}

#[test]
fn a_signal_leaves_a_checkpoint_and_says_130() {
    let folder = Folder::new("signal");
    let expected = reference(&folder);
    for signal in ["-INT", "-TERM"] {
        let out = folder.0.join(signal);
        let child = train(&out, &[]).spawn().unwrap();
        let began = Instant::now();
        let steps = out.join("hold/steps.jsonl");
        while fs::metadata(&steps).map_or(0, |file| file.len()) < 1000 {
            assert!(began.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(1));
        }
        let id = child.id().to_string();
        Command::new("kill").args([signal, &id]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        let outcome = fs::read_to_string(out.join("hold/outcome.json")).unwrap();
        assert!(outcome.contains("interrupted"), "{outcome}");
        resume(&out);
        assert!(result(&out) == expected, "{signal}");
    }
}

/// The message of a resumption that must fail with exit code 3.
fn refused(out: &Path) -> String {
    let output = train(out, &["--resume"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    text(&output.stderr)
}

/// A run that was killed late, with checkpoints at steps 112 and 119.
fn broken_off(folder: &Folder, name: &str) -> PathBuf {
    let out = folder.0.join(name);
    assert!(kill_at(&out, "line-torn", 3 * 119 + 5, &[]));
    out
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_newest_good_one_named() {
    let folder = Folder::new("damage");
    let expected = reference(&folder);
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage); 4] = [
        ("cut", |bytes| bytes[..bytes.len() - 7].to_vec()),
        ("empty", |_| Vec::new()),
        ("flipped", |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            bytes
        }),
        ("foreign", |_| b"PK\x03\x04 something else".to_vec()),
    ];
    for (name, damage) in damages {
        let out = broken_off(&folder, name);
        let newest = out.join("hold/checkpoints/step-00000119.ckpt");
        fs::write(&newest, damage(fs::read(&newest).unwrap())).unwrap();
        let message = refused(&out);
        assert!(message.contains("step-00000119.ckpt"), "{message}");
        assert!(
            message.contains("newest one that can be used is"),
            "{message}"
        );
        assert!(message.contains("step-00000112.ckpt"), "{message}");
        // As the message advises.
        fs::remove_file(&newest).unwrap();
        resume(&out);
        assert!(result(&out) == expected, "{name}");
    }
}

#[test]
fn a_checkpoint_of_another_run_and_other_options_are_refused() {
    let folder = Folder::new("foreign");
    let (mine, other) = (broken_off(&folder, "mine"), folder.0.join("other"));
    assert!(kill_at(&other, "line-torn", 400, &["--seed", "1"]) || other.exists());
    let name = "hold/checkpoints/step-00000119.ckpt";
    fs::copy(other.join(name), mine.join(name)).unwrap();
    let message = refused(&mine);
    assert!(message.contains("belongs to another run"), "{message}");
    let output = train(&mine, &["--resume", "--seed", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("has `seed = 0` where you ask for `seed = 1`"),
        "{message}"
    );
}

#[test]
fn a_torn_last_line_is_repaired_and_a_torn_earlier_line_refused() {
    let folder = Folder::new("torn");
    let expected = reference(&folder);
    let out = broken_off(&folder, "last");
    let log = out.join("hold/steps.jsonl");
    let text_before = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{text_before}{{\"step\":11")).unwrap();
    resume(&out);
    assert!(result(&out) == expected);

    let out = broken_off(&folder, "earlier");
    let log = out.join("hold/steps.jsonl");
    let text_before = fs::read_to_string(&log).unwrap();
    let torn = text_before.replacen("\"loss\":", "\"lo\n", 1);
    fs::write(&log, torn).unwrap();
    let message = refused(&out);
    assert!(message.contains("steps.jsonl"), "{message}");

    let out = broken_off(&folder, "short");
    let log = out.join("hold/evals.jsonl");
    fs::write(&log, "").unwrap();
    let message = refused(&out);
    assert!(
        message.contains("evals.jsonl") && message.contains("lines are missing"),
        "{message}"
    );
}

#[test]
fn a_full_disk_loses_nothing() {
    let folder = Folder::new("full");
    let expected = reference(&folder);
    // No file may grow beyond this many 1024-byte blocks, as on a disk that is full: the logs come to
    // it first, or a checkpoint does.
    for blocks in [6, 12, 24] {
        let out = folder.0.join(blocks.to_string());
        let command = train(&out, &[]);
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {}", words.join(" "));
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        let message = text(&output.stderr);
        assert!(message.contains("File too large"), "{message}");
        assert!(
            message.contains(".jsonl") || message.contains(".ckpt"),
            "{message}"
        );
        resume(&out);
        assert!(result(&out) == expected, "{blocks} blocks");
    }
}

/// A program that runs with a small disk of its own at `$1`: in a namespace, which not every system
/// gives to every user.
fn with_small_disk(folder: &Path, script: &str) -> Option<Output> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "bash", "-c"]);
        command.args([script, "bash"]).arg(folder);
        command.arg(env!("CARGO_BIN_EXE_evenkeel")).args(RUN);
        command.output().ok()
    };
    let mount = "mount -t tmpfs -o size=96k none \"$1\"";
    unshare(mount).filter(|output| output.status.success())?;
    unshare(&format!("{mount} || exit 99; {script}"))
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn a_disk_that_fills_up_or_turns_read_only_loses_nothing() {
    let folder = Folder::new("disk");
    let expected = reference(&folder);
    let (disk, copy) = (folder.0.join("disk"), folder.0.join("copy"));
    fs::create_dir_all(&disk).unwrap();
    let script = r#"
        disk=$1 program=$2; shift 2
        train() { "$program" train "$@" --out "$disk/run"; }
        train "$@" 2>"$disk.full"; echo $? >"$disk.codes"
        mount -o remount,ro "$disk"
        train "$@" --resume 2>"$disk.readonly"; echo $? >>"$disk.codes"
        mount -o remount,rw,size=32m "$disk"
        train "$@" --resume >"$disk.said"; echo $? >>"$disk.codes"
        cp -r "$disk/run" "$disk/../copy"
    "#;
    let Some(output) = with_small_disk(&disk, script) else {
        eprintln!("not tested: this system lets nobody mount a disk of their own");
        return;
    };
    let read = |ending: &str| fs::read_to_string(disk.with_extension(ending)).unwrap();
    assert_eq!(read("codes"), "3\n3\n0\n", "{}", text(&output.stderr));
    assert!(read("full").contains("No space left on device"));
    assert!(read("readonly").contains("Read-only file system"));
    assert!(result(&copy) == expected);
}

#[test]
fn a_clock_that_goes_backwards_changes_nothing() {
    let folder = Folder::new("clock");
    let expected = reference(&folder);
    let out = broken_off(&folder, "run");
    // As if each file were older than the one before it, and all of them younger than today.
    let mut files: Vec<PathBuf> = ["hold", "hold/checkpoints"]
        .iter()
        .flat_map(|below| fs::read_dir(out.join(below)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    for (age, file) in files.iter().enumerate() {
        let file = fs::File::options().write(true).open(file).unwrap();
        let then = tomorrow - Duration::from_secs(3600 * age as u64);
        file.set_modified(then).unwrap();
    }
    resume(&out);
    assert!(result(&out) == expected);
}

#[test]
fn two_writers_and_folders_that_cannot_be_written() {
    let folder = Folder::new("writers");
    let out = folder.0.join("run");
    let marker = folder.0.join("marker");
    let stop = format!("step-half-logged:20:{}", marker.display());
    let first = train(&out, &[])
        .env("EVENKEEL_FAILPOINT", stop)
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !marker.exists() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    let before = fs::read(out.join("hold/steps.jsonl")).unwrap();
    for more in ["--resume", "--overwrite"] {
        let output = train(&out, &[more]).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let message = text(&output.stderr);
        assert!(
            message.contains("is being written by another process"),
            "{message}"
        );
    }
    assert_eq!(fs::read(out.join("hold/steps.jsonl")).unwrap(), before);
    kill(first);
    resume(&out);

    // Nothing to go on with, and nothing said of what there should be.
    let nowhere = folder.0.join("nowhere");
    let resumed = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["train", "--resume", "--out"])
        .arg(&nowhere)
        .output()
        .unwrap();
    assert_eq!(resumed.status.code(), Some(2));
    assert!(text(&resumed.stderr).contains("has no train.toml") && !nowhere.exists());

    let output = train(Path::new("/proc/evenkeel"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("/proc/evenkeel"));
}

#[test]
fn controls_that_remember_resume_to_the_same_bits() {
    // Norms and multipliers, and how far weights have turned: on both sides of where they are killed.
    for (name, control) in [
        ("sphere+hold-0.3", "sphere+hold:0.3"),
        ("band-0.5-0.3", "band:0.5:0.3"),
        ("band-0.5-3", "band:0.5:3"),
        ("band-0.5-3-1", "band:0.5:3:1"),
    ] {
        resumes_to_the_same_bits(name, control);
    }
}

fn resumes_to_the_same_bits(name: &str, control: &str) {
    let folder = Folder::new(name);
    let options = [
        "--depth",
        "3",
        "--width",
        "8",
        "--batch-size",
        "32",
        "--steps",
        "60",
        "--eval-every",
        "50",
        "--checkpoint-every",
        "7",
        "--granularity",
        "unit",
        "--optimizer",
        "momentum",
        "--control",
        control,
    ];
    let (whole, broken) = (folder.0.join("whole"), folder.0.join("broken"));
    let run = train(&whole, &options).output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(kill_at(&broken, "step-half-logged", 40, &options));
    let again = [&options[..], &["--resume"]].concat();
    let resumed = train(&broken, &again).output().unwrap();
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    for file in ["run.toml", "steps.jsonl", "layers.jsonl", "units.jsonl"] {
        let [one, other] =
            [&whole, &broken].map(|out| fs::read(out.join(name).join(file)).unwrap());
        assert!(one == other && !one.is_empty(), "{file}");
    }
}

#[test]
fn whatever_the_optimiser_a_run_resumes_to_the_same_bits() {
    let folder = Folder::new("optimisers");
    let settings: [&[&str]; 4] = [
        &[
            "--optimizer",
            "momentum:mu=0.9,l2=5e-4",
            "--schedule",
            "linear-warmup:10+cosine",
        ],
        &[
            "--optimizer",
            "nesterov:mu=0.8,decay=0.01",
            "--clip-norm",
            "0.5",
            "--patience",
            "1000",
        ],
        &["--optimizer", "adam", "--lr", "0.01", "--accumulate", "3"],
        &["--optimizer", "adamw:decay=0.01", "--lr", "0.01"],
    ];
    for (index, setting) in settings.iter().enumerate() {
        let (whole, broken) = (
            folder.0.join(format!("{index}")),
            folder.0.join(format!("{index}-broken")),
        );
        let run = train(&whole, setting).output().unwrap();
        assert!(run.status.success(), "{}", text(&run.stderr));
        assert!(kill_at(&broken, "step-half-logged", 75, setting));
        // What the run was to be is remembered.
        let resumed = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args([
                "train",
                "--resume",
                "--keep",
                "2",
                "--checkpoint-every",
                "7",
                "--out",
            ])
            .arg(&broken)
            .output()
            .unwrap();
        assert!(resumed.status.success(), "{}", text(&resumed.stderr));
        assert!(result(&broken) == result(&whole), "{setting:?}");
    }
}
