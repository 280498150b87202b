//! Training runs under controls of effective learning rates.
//!
//! A requested run is [resolved](mod@resolve) to a [`run`], which the [`trainer`] trains and writes
//! into a folder of `evenkeel-runs`, with [`checkpoint`]s to go on from. A [`sweep`] does many
//! runs.

pub mod checkpoint;
pub mod comparison;
pub mod error;
pub mod gradient_source;
pub mod granularity;
pub mod invariance;
pub mod measure;
pub mod optimizer;
pub mod resolve;
pub mod run;
pub mod setup;
pub mod snapshot;
pub mod sweep;
pub mod trainer;
pub mod weights;
