//! `evenkeel data`, and training on data of all kinds, as their users meet them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder that belongs to one test and goes when it ends. It is also where data are kept.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("evenkeel-data-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, below: &str) -> String {
        self.0.join(below).to_str().unwrap().to_owned()
    }

    fn evenkeel(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(arguments)
            .env("EVENKEEL_DATA", self.path("data"))
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap()
    }

    /// Expects a refusal with a code and with all of some words.
    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let run = self.evenkeel(arguments);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word} in {said}");
        }
    }

    fn write(&self, below: &str, bytes: &[u8]) {
        let path = self.0.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_here_is_listed_and_what_is_damaged_is_found() {
    let folder = Folder::new("list");
    let list = || text(&folder.evenkeel(&["data", "list"]).stdout).to_owned();
    for part in [
        "digits         embedded",
        "mnist          not here, 12 MB",
        "folder         your own",
        "synthetic      computed",
    ] {
        assert!(list().contains(part), "{part} in\n{}", list());
    }
    let nothing = folder.evenkeel(&["data", "verify"]);
    assert!(nothing.status.success() && text(&nothing.stdout).contains("nothing is here"));

    folder.write("data/mnist/t10k-images-idx3-ubyte.gz", &[0; 1_648_877]);
    folder.write(
        "data/mnist/train-images-idx3-ubyte.gz.part",
        &[0; 5_000_000],
    );
    assert!(
        list().contains("mnist          7 of 12 MB here"),
        "{}",
        list()
    );
    let found = folder.evenkeel(&["data", "verify"]);
    let said = text(&found.stdout);
    assert_eq!(found.status.code(), Some(3), "{said}");
    assert!(
        said.contains("t10k-images-idx3-ubyte.gz: its SHA-256 is"),
        "{said}"
    );
    assert!(
        said.contains("train-images-idx3-ubyte.gz is missing"),
        "{said}"
    );
    assert!(!said.contains("cifar"), "{said}");
}

#[test]
fn copies_that_are_not_the_official_files_are_refused() {
    let folder = Folder::new("from");
    folder.write("copies/train-images-idx3-ubyte.gz", &[0; 100]);
    let copies = folder.path("copies");
    let get = |from: &str, words: &[&str]| {
        folder.refused(&["data", "get", "mnist", "--from", from], 3, words);
    };
    get(
        &copies,
        &["train-images-idx3-ubyte.gz: it has 100 bytes instead of 9912422"],
    );
    get(&folder.path("nowhere"), &["nowhere: "]);
    folder.write("copies/train-images-idx3-ubyte.gz", &[0; 9_912_422]);
    get(&copies, &["its SHA-256 is", "instead of 440fcabf"]);
    assert!(
        !folder
            .0
            .join("data/mnist/train-images-idx3-ubyte.gz")
            .exists()
    );
    folder.refused(
        &["data", "get", "digits"],
        2,
        &["permitted: mnist, fashion-mnist, cifar10, cifar100"],
    );
    folder.refused(
        &["data", "get", "mnist", "--from", "a", "--mirror", "b"],
        2,
        &["cannot be used with"],
    );
    folder.refused(&["data", "get"], 2, &["<NAMES>"]);
}

#[test]
fn a_mirror_without_the_file_is_named() {
    let folder = Folder::new("mirror");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}/copies", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let request = lines.next().unwrap();
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        request
    });
    let address = format!("{place}/cifar-10-binary.tar.gz: HTTP status 404");
    folder.refused(
        &["data", "get", "cifar10", "--mirror", &place],
        3,
        &[&address, "--from PATH"],
    );
    assert!(
        server
            .join()
            .unwrap()
            .starts_with("GET /copies/cifar-10-binary.tar.gz ")
    );
}

#[test]
fn options_and_files_that_do_not_fit_the_data_are_refused() {
    let folder = Folder::new("misfit");
    folder.write("t.txt", "some words, ".repeat(100).as_bytes());
    let (texts, out) = (format!("text:{}", folder.path("t.txt")), folder.path("r"));
    let cases: [(&[&str], i32, &[&str]); 9] = [
        (
            &["--data", "mnist"],
            3,
            &[
                "mnist/train-images-idx3-ubyte.gz is missing",
                "evenkeel data get mnist",
            ],
        ),
        (&["--data", "mnist:3"], 2, &["`mnist:3`: it takes nothing"]),
        (&["--data", "folder"], 2, &["needs a path"]),
        (
            &["--data", "folder:/nowhere/at/all"],
            3,
            &["/nowhere/at/all"],
        ),
        (&["--data", "synthetic:8x8"], 2, &["three whole numbers"]),
        (
            &["--batch-size", "8", "--data", &texts],
            2,
            &["it takes images"],
        ),
        (
            &["--data", &texts, "--augment", "flip", "--batch-size", "8"],
            2,
            &["--augment is for images"],
        ),
        (
            &["--context", "8"],
            2,
            &["--context is for text, which `digits` is not"],
        ),
        (&["--augment", "rotate"], 2, &["--augment", "crop[:PIXELS]"]),
    ];
    for (arguments, code, words) in cases {
        folder.refused(
            &[&["train", "--out", &out], arguments].concat(),
            code,
            words,
        );
    }
    assert!(!folder.0.join("r").exists());
}

#[test]
fn augmented_training_is_reproducible_and_shares_its_data_between_controls() {
    let folder = Folder::new("augmented");
    let train = |out: &str, augment: &str, jobs: &str| {
        let run = folder.evenkeel(&[
            "train",
            "--data",
            "synthetic:1x6x6",
            "--augment",
            augment,
            "--control",
            "none,hold",
            "--depth",
            "3",
            "--width",
            "16",
            "--steps",
            "25",
            "--eval-every",
            "25",
            "--jobs",
            jobs,
            "--out",
            &folder.path(out),
        ]);
        assert!(run.status.success(), "{}", text(&run.stderr));
    };
    train("a", "crop:1+flip", "1");
    train("b", "flip+crop:1", "2");
    train("c", "none", "2");
    let read = |file: &str| fs::read_to_string(folder.0.join(file)).unwrap();
    for control in ["none", "hold"] {
        for file in ["run.toml", "steps.jsonl", "layers.jsonl", "evals.jsonl"] {
            let (one, other) = (format!("a/{control}/{file}"), format!("b/{control}/{file}"));
            assert_eq!(read(&one), read(&other), "{control}/{file}");
        }
    }
    assert!(read("a/none/run.toml").contains("augment = \"crop:1+flip\""));
    assert_ne!(read("a/none/steps.jsonl"), read("c/none/steps.jsonl"));
}
