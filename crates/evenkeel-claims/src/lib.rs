//! Claims about the dynamics of weights, tested on real networks.
//!
//! A [`claim`] says which runs it needs, which numbers to read off each, and how to judge by those
//! numbers: nothing else enters a verdict, a table or a figure. The numbers are kept as CSV beside
//! the page, which can be made again from them alone and so cannot tell another story
//! ([`page::check`]).

pub mod claim;
pub mod error;
pub mod evidence;
pub mod finding;
mod grid;
mod outcome;
pub mod page;
pub mod provenance;
pub mod reproduction;
pub mod scale;
pub mod sheet;
mod show;
pub mod statistics;
pub mod table;
