//! What an input may cost.

/// Upper limits for one input. The default holds far more than any network has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole input.
    pub bytes: usize,
    /// Bytes of a CSV row, a line of JSON Lines or an item of a JSON list.
    pub row_bytes: usize,
    /// Layers, or steps.
    pub rows: usize,
}

impl Default for Limits {
    /// 1 GiB, 1 MiB a row, and ten million rows.
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            row_bytes: 1 << 20,
            rows: 10_000_000,
        }
    }
}
