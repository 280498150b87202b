//! The laboratory around evenkeel: data, models, training runs, snapshots and reports.
//!
//! A run is described by a [`spec`], trained by the [`trainer`], kept in a [`run_folder`] and shown
//! by the [`report`]. Data sets and models are tables ([`dataset::ALL`], [`model::ALL`]).

pub mod batches;
pub mod dataset;
pub mod divergence;
pub mod error;
pub mod example;
pub mod interchange;
pub mod invariance;
pub mod model;
pub mod report;
pub mod run_folder;
pub mod seed;
pub mod snapshot;
pub mod spec;
pub mod summary;
pub mod trainer;
