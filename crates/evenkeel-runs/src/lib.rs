//! Training runs on disk: what their folders hold, how they are found, exported and summarised.
//!
//! [`folder`] is the format of a run's folder. Everything else reads such folders alone: the
//! [`index`] of many runs, the [`export`] as tables, the events of [`tensorboard`], the [`summary`]
//! of a run, and what the theory predicts of it ([`prediction`]). Nothing here needs Burn.

pub mod difference;
pub mod error;
pub mod export;
#[doc(hidden)]
pub mod failpoint;
pub mod file;
pub mod folder;
pub mod index;
pub mod prediction;
pub mod settings;
pub mod summary;
pub mod tensorboard;
pub mod value;
pub mod writer;
