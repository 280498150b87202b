//! Arguments that several commands share.

pub mod bands;
pub mod config;
pub mod cpu;
pub mod drift;
pub mod dynamics;
pub mod log;
pub mod network;
pub mod norms;
pub mod rate;
pub mod scale;
pub mod start;
pub mod sweep;
