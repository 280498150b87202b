//! Models, data sets, training batches and devices.
//!
//! A [`model`] is a list of [`layer`]s, which a [`network`] computes on a [`device`]. A [`dataset`] is
//! divided into batches by a [`feed`]. Models, data sets, devices and the options of layers are
//! tables: [`model::ALL`], [`dataset::ALL`], [`device::ALL`].

pub mod augment;
pub mod choice;
pub mod dataset;
pub mod device;
pub mod error;
pub mod example;
pub mod feed;
pub mod hash;
pub mod interchange;
pub mod layer;
pub mod model;
pub mod network;
pub mod seed;
pub mod store;
