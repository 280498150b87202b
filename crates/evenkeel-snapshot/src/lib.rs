//! Reads a *snapshot of norms*, written by anyone's tool, for the theory in [`evenkeel`].
//!
//! The format is told by the content, not by the name of the file:
//!
//! - **CSV** with a header: `layer,weight_norm,grad_norm` or `layer,elr`, both optionally with
//!   `numel` and `cosine`, in any order. Other columns are ignored, with a warning.
//! - **JSON**: a list of objects with these keys.
//! - **JSON Lines**: one such object per line.
//!
//! [`Rates`] and [`Scales`] are read in the same formats: a number for each step of a run, as the
//! columns `lr`, `share` or `scale`, optionally with `step`.
//!
//! [`read_log`] takes one step's norms from the log of a training, in any of the formats of
//! [`format::ALL`]: what trackers export and trainers write.
//!
//! Every error names the input, the row and the column, carries the value, and says what is
//! permitted. Nothing that a file can hold makes it panic, and [`Limits`] bound what it may cost:
//!
//! | input | answer |
//! |---|---|
//! | a norm or ELR that is NaN, infinite, zero or negative; a `cosine` beyond ±1; a `numel` that is not whole | error: row, column, value |
//! | a rate, share or scale out of its range; a step out of order; a blank row between steps | error: row, column, value |
//! | no value; a name that is empty, comes twice or has a line break | error: row, column, for a name also the first row |
//! | a column or key that is missing, or comes twice | error: row of the header, or item; what was found |
//! | a column or key that nobody reads | ignored, for norms with a warning |
//! | more or fewer fields than the header; a quote left open | error: row, column |
//! | not UTF-8; not JSON | error: line, byte |
//! | a byte-order mark; rows that end in LF, CR LF or CR (in JSON Lines not CR); blank rows between layers | read |
//! | one row; ten million rows | read |
//! | a row, line or item above 1 MiB; more rows; more than 1 GiB | error: row, limit |
//!
//! Messages quote at most 60 characters of a value, on one line.
//!
//! ```
//! use evenkeel::spread::Spread;
//! use evenkeel_snapshot::Snapshot;
//!
//! let text = b"layer,weight_norm,grad_norm\nfc1,2.0,0.5\nfc2,4.0,0.01\n";
//! let parsed = Snapshot::parse("norms.csv", text)?;
//! assert_eq!(Spread::of(&parsed.snapshot.elrs()).ratio().round(), 100.0);
//!
//! let error = Snapshot::parse("norms.csv", b"layer,elr\nfc1,fast\n").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "norms.csv, row 2, column `elr` is `fast`, but must be a number; write it like 0.25 or 2.5e-3"
//! );
//! # Ok::<(), evenkeel_snapshot::SnapshotError>(())
//! ```

mod cells;
mod collector;
mod column;
mod csv;
mod entry;
mod error;
pub mod format;
mod json;
mod kind;
mod layers;
mod limits;
mod log;
mod measure;
mod names;
mod number;
mod order;
mod parse;
mod place;
mod series;
mod snapshot;
mod warnings;

pub use column::Column;
pub use entry::LayerEntry;
pub use error::SnapshotError;
pub use kind::Kind;
pub use limits::Limits;
pub use log::{LogError, LogOptions, parse_log, read_log};
pub use measure::MeasureError;
pub use order::depth_order;
pub use place::{Place, Unit};
pub use series::{Rates, Scales};
pub use snapshot::{Parsed, Snapshot};
