//! The CPU.

use burn::tensor::Device;

use super::Entry;

pub(super) const ENTRY: Entry = Entry {
    grammar: "cpu",
    summary: "one thread a run; the same bits at every call",
    name: "cpu",
    engine: "burn-flex, 1 thread",
    doubles: true,
    open: |_| Ok(Device::flex()),
};
