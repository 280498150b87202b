//! How one step of an optimiser changes norms and effective learning rates. One file an optimiser.

pub mod sgd;
