//! The laboratory around evenkeel: data, models, training runs, snapshots and reports.
//!
//! A run is described by a [`spec`], trained by the [`trainer`], kept in a [`run_folder`] and shown
//! by the [`report`]. Data sets and models are tables ([`dataset::ALL`], [`model::ALL`]).

pub mod augment;
pub mod batches;
pub mod checkpoint;
pub mod comparison;
pub mod dataset;
pub mod device;
pub mod difference;
pub mod divergence;
pub mod drive;
pub mod error;
pub mod example;
pub mod experiment;
pub mod export;
mod failpoint;
pub mod feed;
pub mod granularity;
pub mod interchange;
pub mod invariance;
pub mod model;
pub mod optimizer;
pub mod prediction;
pub mod report;
pub mod run_folder;
pub mod run_index;
pub mod seed;
pub mod snapshot;
pub mod spec;
pub mod store;
pub mod summary;
pub mod sweep;
pub mod tensorboard;
pub mod trainer;
pub mod turn;
