//! `evenkeel data`: official data sets on this machine.

use std::path::PathBuf;

use evenkeel_nn::dataset::{self, Entry, Source};
use evenkeel_nn::error::DataError;
use evenkeel_nn::store::{OfficialFile, Origin, Presence, Store};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{Exit, usage};
use crate::message;

/// List, get and verify the files of data sets.
///
/// Files are kept in the folder that the environment variable EVENKEEL_DATA names, otherwise in the
/// platform's cache. They are used only if they are, byte for byte, what their authors published.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say which data sets there are, and which of their files are here.
    List,
    /// Download the files of data sets, going on where a download was broken off.
    Get(Get),
    /// Check files against the size and SHA-256 of what their authors published.
    Verify {
        /// Data sets [default: those of which something is here].
        names: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Get {
    /// Data sets.
    #[arg(required = true)]
    names: Vec<String>,

    /// Take copies instead: the file, or the folder that holds the files under their names.
    #[arg(long, value_name = "PATH", conflicts_with = "mirror")]
    from: Option<PathBuf>,

    /// Download from URL/FILE instead of the official places.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let store = Store::locate()?;
    match args.action {
        Action::List => Ok((list(&store), Exit::Done)),
        Action::Get(args) => get(&store, &args),
        Action::Verify { names } => verify(&store, &names),
    }
}

fn list(store: &Store) -> String {
    let lines = dataset::ALL.iter().map(|entry| {
        let state = state(store, entry);
        format!("{:<14} {state:<20} {}\n", entry.name, entry.summary)
    });
    let folder = store.folder().display();
    format!(
        "{}\nFiles are kept in {folder}.\n",
        lines.collect::<String>()
    )
}

/// What is here of a data set, in words.
fn state(store: &Store, entry: &Entry) -> String {
    let files = match entry.source {
        Source::Official(files) => files,
        Source::Embedded => return "embedded".to_owned(),
        Source::Own => return "your own".to_owned(),
        Source::MadeUp => return "computed".to_owned(),
    };
    let arrived = |file: &OfficialFile| match store.presence(entry.name, file) {
        Presence::Absent => 0,
        Presence::Begun(bytes) => bytes.min(file.bytes),
        Presence::Present => file.bytes,
    };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    match files.iter().map(arrived).sum::<u64>() {
        0 => format!("not here, {:.0} MB", megabytes(total)),
        bytes if bytes == total => "here".to_owned(),
        bytes => format!("{:.0} of {:.0} MB here", megabytes(bytes), megabytes(total)),
    }
}

/// The data sets of these names with their files.
fn official(names: &[String]) -> anyhow::Result<Vec<(&'static str, &'static [OfficialFile])>> {
    names
        .iter()
        .map(|name| {
            let mut all = all_official();
            all.find(|(known, _)| known == name).ok_or_else(|| {
                let permitted: Vec<&str> = all_official().map(|(name, _)| name).collect();
                let permitted = permitted.join(", ");
                usage(format!(
                    "`{name}` has no official files; permitted: {permitted}"
                ))
            })
        })
        .collect()
}

fn all_official() -> impl Iterator<Item = (&'static str, &'static [OfficialFile])> {
    dataset::ALL.iter().filter_map(|entry| match entry.source {
        Source::Official(files) => Some((entry.name, files)),
        _ => None,
    })
}

fn get(store: &Store, args: &Get) -> anyhow::Result<(String, Exit)> {
    let origin = match (&args.from, &args.mirror) {
        (Some(path), _) => Origin::Local(path.clone()),
        (None, Some(url)) => Origin::Mirror(url.clone()),
        (None, None) => Origin::Official,
    };
    let mut text = String::new();
    for (name, files) in official(&args.names)? {
        for file in files {
            let bar = bar(file);
            let got = store.get(name, file, &origin, &mut |bytes| bar.set_position(bytes));
            bar.finish_and_clear();
            let path = store.path(name, file);
            let how = if got? { "verified" } else { "was here" };
            text += &format!("{}: {how}\n", path.display());
        }
    }
    Ok((text, Exit::Done))
}

fn bar(file: &OfficialFile) -> ProgressBar {
    let template = "{prefix:<26} {bar:24} {bytes:>10} of {total_bytes:<10} {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(file.bytes)
        .with_style(style)
        .with_prefix(file.name)
}

fn verify(store: &Store, names: &[String]) -> anyhow::Result<(String, Exit)> {
    let sets = match names {
        [] => all_official()
            .filter(|(name, files)| {
                let absent = |file| store.presence(name, file) == Presence::Absent;
                !files.iter().all(absent)
            })
            .collect(),
        names => official(names)?,
    };
    let (mut text, mut exit) = (String::new(), Exit::Done);
    for (name, files) in sets {
        for file in files {
            let result: Result<_, DataError> = store.open(name, file);
            text += &match result {
                Ok(_) => format!("{}: verified\n", store.path(name, file).display()),
                Err(error) => {
                    exit = Exit::File;
                    format!("{}\n", message::of_data(&error))
                }
            };
        }
    }
    if text.is_empty() {
        text = format!("nothing is here: {}\n", store.folder().display());
    }
    Ok((text, exit))
}
