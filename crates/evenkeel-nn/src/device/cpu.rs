//! The CPU.

use burn::tensor::Device;

use super::Entry;

pub(super) const ENTRY: Entry = Entry {
    grammar: "cpu",
    summary: "the same bits at every call, on any number of threads",
    name: "cpu",
    engine: "burn-flex",
    doubles: true,
    open: |_| Ok(Device::flex()),
};
