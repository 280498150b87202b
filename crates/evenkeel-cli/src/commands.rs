//! The commands of the program.

pub mod advise;
pub mod completions;
pub mod data;
pub mod drift;
pub mod forecast;
pub mod man;
pub mod phase;
pub mod report;
pub mod reproduce;
pub mod runs;
pub mod snapshot;
pub mod sweep;
pub mod train;
pub mod weights;
