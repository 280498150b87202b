//! The index as a table of SQLite: a row a run, a column for each of [`column::ALL`].

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, Row, TransactionBehavior, params, params_from_iter,
};
use sha2::{Digest, Sha256};

use super::Query;
use super::column;
use super::entry::Entry;
use super::filter::Sort;
use super::state::State;
use crate::value::{Kind, Value};

/// Tells the index from databases of others: "evke".
const APPLICATION: i32 = 0x6576_6b65;
/// To be raised when a column comes to mean something else under the same name.
const REVISION: u32 = 1;
/// How long to wait for another process that is writing.
const WAIT: Duration = Duration::from_secs(10);

/// Why there is no index on the disk.
#[derive(Debug)]
pub enum Trouble {
    /// What is there is no index of this program, or is damaged: another may take its place.
    Unusable(String),
    /// The system does not let it be read or written.
    Denied(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Denied(error.to_string()),
            _ => Self::Unusable(error.to_string()),
        }
    }
}

/// What has happened to the runs.
#[derive(Debug, Default)]
pub struct Changes {
    /// Runs that were read, with the stamps to keep.
    pub entries: Vec<(Entry, String)>,
    /// Runs of which only the state is another.
    pub states: Vec<(String, State)>,
    /// Runs that are no longer there.
    pub gone: Vec<String>,
}

impl Changes {
    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.states.is_empty() && self.gone.is_empty()
    }
}

/// The index.
#[derive(Debug)]
pub struct Database(Connection);

impl Database {
    /// The index in `path`, which is made if there is none.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Self(Connection::open_with_flags(path, flags)?);
        database.0.busy_timeout(WAIT)?;
        database.prepare()?;
        Ok(database)
    }

    /// An index that goes when it is closed.
    ///
    /// # Errors
    /// [`rusqlite::Error`].
    pub fn in_memory() -> rusqlite::Result<Self> {
        let database = Self(Connection::open_in_memory()?);
        database.0.execute_batch(&layout())?;
        Ok(database)
    }

    /// Makes the table in an empty file; refuses a file with anything else in it.
    fn prepare(&self) -> Result<(), Trouble> {
        // Two processes may find an empty file: the second waits here and finds the table made.
        let found = self.found()?;
        if found == (0, 0, 0) {
            self.0.execute_batch("BEGIN IMMEDIATE")?;
            if self.found()? == (0, 0, 0) {
                self.0.execute_batch(&layout())?;
            }
            self.0.execute_batch("COMMIT")?;
        }
        match self.found()? {
            (APPLICATION, version, _) if version == self::version() => Ok(()),
            (APPLICATION, ..) => Err(Trouble::Unusable(
                "it was made by another version of evenkeel".to_owned(),
            )),
            _ => Err(Trouble::Unusable("it is not an index of runs".to_owned())),
        }
    }

    /// Whose database it is, in which version, and how many tables it has.
    fn found(&self) -> rusqlite::Result<(i32, i32, i64)> {
        let pragma = |name: &str| self.0.pragma_query_value(None, name, |row| row.get(0));
        let count = "SELECT count(*) FROM sqlite_master";
        let tables = self.0.query_row(count, [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, tables))
    }

    /// The stamp and state of every run.
    ///
    /// # Errors
    /// [`rusqlite::Error`].
    pub fn stamps(&self) -> rusqlite::Result<BTreeMap<String, (String, State)>> {
        let mut statement = self.0.prepare("SELECT run, stamp, state FROM runs")?;
        let rows = statement.query_map([], |row| {
            let state: String = row.get(2)?;
            // A word that is no state makes the run be read again.
            let (stamp, state) = match State::named(&state) {
                Some(state) => (row.get(1)?, state),
                None => (String::new(), State::Damaged),
            };
            Ok((row.get(0)?, (stamp, state)))
        })?;
        rows.collect()
    }

    /// Carries changes out, all or none.
    ///
    /// # Errors
    /// [`rusqlite::Error`].
    pub fn apply(&mut self, changes: &Changes) -> rusqlite::Result<()> {
        let transaction = self
            .0
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let places = vec!["?"; column::ALL.len() + 2].join(", ");
            let insert = format!("INSERT OR REPLACE INTO runs VALUES ({places})");
            let mut insert = transaction.prepare(&insert)?;
            for (entry, stamp) in &changes.entries {
                // A map of texts, which always serialises.
                let settings =
                    serde_json::to_string(&entry.settings).expect("a map of texts serialises");
                let ours = [Value::from(stamp.as_str()), Value::from(settings)];
                insert.execute(params_from_iter(entry.values.iter().chain(&ours)))?;
            }
            let mut update = transaction.prepare("UPDATE runs SET state = ? WHERE run = ?")?;
            for (run, state) in &changes.states {
                update.execute(params![state.name(), run])?;
            }
            let mut delete = transaction.prepare("DELETE FROM runs WHERE run = ?")?;
            for run in &changes.gone {
                delete.execute([run])?;
            }
        }
        transaction.commit()
    }

    /// The runs that `query` asks for.
    ///
    /// # Errors
    /// [`rusqlite::Error`].
    pub fn select(&self, query: &Query) -> rusqlite::Result<Vec<Entry>> {
        let (condition, values) = match &query.filter {
            Some(filter) => filter.to_sql(),
            None => ("TRUE".to_owned(), Vec::new()),
        };
        let order = query.sort.as_ref().map_or(String::new(), Sort::to_sql);
        let limit = query.limit.and_then(|limit| i64::try_from(limit).ok());
        let limit = limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        let sql = format!("SELECT * FROM runs WHERE {condition} ORDER BY {order}\"run\"{limit}");
        let mut statement = self.0.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), entry)?;
        rows.collect()
    }
}

fn entry(row: &Row) -> rusqlite::Result<Entry> {
    let count = column::ALL.len();
    let values: Vec<Value> = (0..count)
        .map(|index| row.get_ref(index).map(value))
        .collect::<Result<_, _>>()?;
    let settings: String = row.get(count + 1)?;
    Ok(Entry {
        name: values.first().map(Value::to_string).unwrap_or_default(),
        settings: serde_json::from_str(&settings).unwrap_or_default(),
        values,
    })
}

fn value(found: ValueRef) -> Value {
    match found {
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Null | ValueRef::Blob(_) => Value::Missing,
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Missing => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
        }))
    }
}

/// The table, and whose it is.
fn layout() -> String {
    format!(
        "{}; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}",
        table(),
        version()
    )
}

fn table() -> String {
    let columns = column::ALL.iter().map(|column| {
        let kind = match column.kind {
            Kind::Text => "TEXT",
            Kind::Integer => "INTEGER",
            Kind::Real => "REAL",
        };
        format!("\"{}\" {kind}, ", column.name)
    });
    let columns: String = columns.collect();
    format!(
        "CREATE TABLE runs ({columns}stamp TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (\"run\"))"
    )
}

/// The version of the table: another set of columns is another version by itself.
fn version() -> i32 {
    let digest = Sha256::digest(format!("{REVISION} {}", table()));
    let first = digest.first_chunk().copied().unwrap_or_default();
    (u32::from_le_bytes(first) >> 1) as i32
}
