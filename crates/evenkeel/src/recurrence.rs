//! Closed recurrences in the ELR alone, which plain SGD has (T4–T7). Optimisers with a memory step
//! in [`crate::optimizer`].

pub mod sgd;
