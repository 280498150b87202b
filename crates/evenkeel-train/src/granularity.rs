//! Granularity at which ELRs are measured: layers, or units of layers.

use evenkeel_nn::choice::Choice;

pub use evenkeel_ops::Granularity;

/// Every granularity; the first is the default.
pub const ALL: &[Choice<Granularity>] = &[
    Choice {
        name: "layer",
        summary: "whole weights",
        value: Granularity::Layer,
    },
    Choice {
        name: "unit",
        summary: "single rows or filters where they are scale-invariant by themselves, as before batch normalization; whole weights elsewhere",
        value: Granularity::Unit,
    },
];
