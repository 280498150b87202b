//! `--config FILE`: what a run is to be, from a TOML file with the command line over it.

use std::fs;
use std::path::Path;

use anyhow::anyhow;
use clap::ArgMatches;
use clap::parser::ValueSource;
use evenkeel_runs::settings::{RequestedRun, RunSettings};
use toml::{Table, Value};

use crate::exit::usage;

/// The table of a run's `run.toml` that has its settings.
const SPEC: &str = "spec";

/// Which options were typed, as opposed to their defaults. Their names are those of [`RequestedRun`].
#[derive(Debug)]
pub struct Typed<'a>(Option<&'a ArgMatches>);

impl<'a> Typed<'a> {
    /// Of the subcommand in `matches`.
    pub fn of(matches: &'a ArgMatches) -> Self {
        Self(matches.subcommand().map(|(_, matches)| matches))
    }

    fn has(&self, name: &str) -> bool {
        let source = |matches: &ArgMatches| {
            let known = matches.ids().any(|id| id.as_str() == name);
            known.then(|| matches.value_source(name)).flatten()
        };
        self.0.and_then(source) == Some(ValueSource::CommandLine)
    }

    /// Whether anything of a specification was typed.
    pub fn says_anything_of(&self, spec: &RequestedRun) -> anyhow::Result<bool> {
        Ok(table(spec)?.keys().any(|name| self.has(name))
            || self.has("clip_norm")
            || self.has("patience"))
    }
}

/// The specification in `file`, with what was typed over it, and the defaults of `asked` for what
/// neither says. A run's own `run.toml` will do.
pub fn merged(file: &Path, asked: &RequestedRun, typed: &Typed) -> anyhow::Result<RequestedRun> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| anyhow!("{shown}: {error}"))?;
    let mut config: Table =
        toml::from_str(&text).map_err(|error| usage(format!("{shown}: {error}")))?;
    if let Some(Value::Table(spec)) = config.remove(SPEC) {
        config = spec;
    }
    if typed.has("weights") {
        // That of the file's weights.
        config.remove("weights_sha256");
    }
    let mut merged = table(asked)?;
    for (name, value) in config {
        if !typed.has(&name) {
            merged.insert(name, value);
        }
    }
    let merged = Value::Table(merged).try_into();
    merged.map_err(|error: toml::de::Error| usage(format!("{shown}: {error}")))
}

/// Settings as a file for `--config`.
pub fn printed(spec: &RunSettings) -> anyhow::Result<String> {
    Ok(toml::to_string(spec)?)
}

fn table(spec: &RequestedRun) -> anyhow::Result<Table> {
    Ok(Table::try_from(spec)?)
}
