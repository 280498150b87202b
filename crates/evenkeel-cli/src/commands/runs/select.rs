//! Arguments of commands that look for runs.

use std::path::PathBuf;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::index::column;
use evenkeel_runs::index::entry::Entry;
use evenkeel_runs::index::filter::{Filter, Sort};
use evenkeel_runs::index::{Query, RunIndex};

use crate::args::network::listed;

/// Which runs, in which order.
#[derive(Debug, clap::Args)]
pub struct SelectArgs {
    /// Folder with runs at any depth.
    #[arg(default_value = "runs")]
    pub root: PathBuf,

    /// Only runs for which this holds, such as 'lr>=0.1 and control=hold'.
    #[arg(long = "where", value_name = "FILTER", long_help = filter_help())]
    filter: Option<String>,

    /// Order by a column; runs without a value come last [default: run].
    #[arg(long, value_name = "COLUMN[:desc]")]
    sort: Option<String>,

    /// At most this many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,

    /// Read every run again, whatever the index says.
    #[arg(long)]
    rebuild: bool,
}

fn filter_help() -> String {
    let columns = column::ALL.iter().map(|c| (c.name, c.summary));
    listed(
        "Only runs for which this holds, such as 'lr>=0.1 and (control=hold or not data~cifar)'. Comparisons are \
         =, !=, <, <=, >, >= and ~ (contains); text with spaces goes in quotes. A comparison with what a run \
         does not have is false.\n\nColumns:",
        columns,
    )
}

impl SelectArgs {
    /// The runs, once the index is up to date. What there is to say about it goes to standard error.
    pub fn runs(&self) -> Result<Vec<Entry>, RunsError> {
        let query = Query {
            filter: self
                .filter
                .as_deref()
                .map(str::parse::<Filter>)
                .transpose()?,
            sort: self.sort.as_deref().map(str::parse::<Sort>).transpose()?,
            limit: self.limit,
        };
        let index = RunIndex::open(&self.root, self.rebuild)?;
        for note in &index.notes {
            eprintln!("note: {note}");
        }
        index.select(&query)
    }
}
