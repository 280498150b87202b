//! Formats of files, read within bounds: a file may be damaged.

pub mod bounded;
pub mod idx;
pub mod picture;
pub mod records;
