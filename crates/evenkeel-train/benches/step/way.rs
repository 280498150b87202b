//! What a step is measured with.

use serde::Deserialize;

/// How much of evenkeel takes part in a step. A new kind of telemetry is a new variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// None: Burn's loop alone.
    Plain,
    /// Norms of all layers at every step, control `critical`, and the run's logs.
    Layers,
    /// The same of all units.
    Units,
}

impl Way {
    /// The name of its run's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Layers => "layers",
            Self::Units => "units",
        }
    }
}
