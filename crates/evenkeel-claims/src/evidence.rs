//! The numbers that a claim is judged by.

use std::fs;
use std::path::Path;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::file::write_atomically;
use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;
use toml::Value as Setting;

use crate::error::ClaimsError;
use crate::sheet::Sheet;
use crate::table::Table;

/// Tables by name.
#[derive(Debug, Default)]
pub struct Evidence {
    tables: Vec<(&'static str, Table)>,
    nothing: Table,
}

impl Evidence {
    /// Empty tables, one a sheet.
    pub fn none(sheets: &[Sheet]) -> Self {
        let table = |sheet: &Sheet| {
            let columns = sheet.settings.iter().chain(sheet.columns).copied();
            (sheet.name, Table::new(columns))
        };
        Self {
            tables: sheets.iter().map(table).collect(),
            nothing: Table::default(),
        }
    }

    /// Whether no run has said anything.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|(_, table)| table.is_empty())
    }

    /// Adds what a run says.
    pub fn add(&mut self, sheets: &[Sheet], run: &Run) {
        for (sheet, (_, table)) in sheets.iter().zip(&mut self.tables) {
            let settings = settings(&run.header.spec, sheet.settings);
            for row in (sheet.rows)(run) {
                table.push(settings.iter().cloned().chain(row).collect());
            }
        }
    }

    /// Reads the tables back.
    ///
    /// # Errors
    /// [`RunsError::Io`] or [`RunsError::Malformed`].
    pub fn load(sheets: &[Sheet], folder: &Path) -> Result<Self, ClaimsError> {
        let mut evidence = Self::none(sheets);
        for (name, table) in &mut evidence.tables {
            let path = folder.join(format!("{name}.csv"));
            let text = fs::read_to_string(&path).map_err(RunsError::io(&path))?;
            *table = Table::parse(&path, &text)?;
        }
        Ok(evidence)
    }

    /// Writes each table as CSV.
    ///
    /// # Errors
    /// [`RunsError::Io`].
    pub fn save(&self, folder: &Path) -> Result<(), ClaimsError> {
        fs::create_dir_all(folder).map_err(RunsError::io(folder))?;
        for (name, table) in &self.tables {
            let path = folder.join(format!("{name}.csv"));
            write_atomically(&path, table.to_csv().as_bytes())?;
        }
        Ok(())
    }

    /// The table of this name; an empty one where there is none.
    pub fn sheet(&self, name: &str) -> &Table {
        let found = self.tables.iter().find(|(known, _)| *known == name);
        found.map_or(&self.nothing, |(_, table)| table)
    }
}

/// Settings of a specification by name.
fn settings(spec: &RunSettings, names: &[&str]) -> Vec<Value> {
    let mut table = toml::Table::try_from(spec)
        .expect("settings that were read from TOML can be written as TOML");
    // Left out of files where it is the default.
    let gradients = Setting::String(spec.gradients.clone());
    table.insert("gradients".to_owned(), gradients);
    let value = |name: &&str| match table.get(*name) {
        Some(Setting::Integer(whole)) => Value::Integer(*whole),
        Some(Setting::Float(number)) => Value::Real(*number),
        Some(Setting::Boolean(set)) => Value::from(if *set { "yes" } else { "no" }),
        Some(Setting::String(text)) => Value::from(text.as_str()),
        _ => Value::Missing,
    };
    names.iter().map(value).collect()
}
