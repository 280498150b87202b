//! A snapshot, and how text becomes one.

use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::Elr;

use crate::collector::Rows;
use crate::entry::LayerEntry;
use crate::error::SnapshotError;
use crate::layers::Layers;
use crate::limits::Limits;
use crate::measure::MeasureError;
use crate::parse::parse;

/// One step's norms of a network's layers. No two layers have the same name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The layers, in the order of the input.
    pub layers: Vec<LayerEntry>,
}

/// What an input says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Parsed {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What the user should know: columns that were ignored, weights that look as if they were not
    /// scale-invariant. One sentence each.
    pub warnings: Vec<String>,
    /// The training step, where the input says it.
    pub step: Option<u64>,
    /// `‖ΔW‖/(λ‖W‖)` of each layer as it was logged (T15), where updates and the learning rate were.
    pub update_elrs: Option<Vec<Elr>>,
}

impl Snapshot {
    /// Reads CSV, JSON or JSON Lines within the default [`Limits`]. `source_name` is what errors
    /// call the input, such as its path.
    ///
    /// # Errors
    /// [`SnapshotError`] for the first thing that is wrong.
    pub fn parse(source_name: &str, text: &[u8]) -> Result<Parsed, SnapshotError> {
        Self::parse_within(source_name, text, &Limits::default())
    }

    /// The same within limits of one's own.
    ///
    /// # Errors
    /// [`SnapshotError`] for the first thing that is wrong.
    pub fn parse_within(
        source_name: &str,
        text: &[u8],
        limits: &Limits,
    ) -> Result<Parsed, SnapshotError> {
        let (layers, warnings) = parse::<Layers>(source_name, text, limits)?;
        Ok(Parsed {
            snapshot: Self {
                layers: layers.into_entries(),
            },
            warnings: warnings.finish(source_name, Layers::KIND),
            step: None,
            update_elrs: None,
        })
    }

    /// The ELRs, in the order of the layers.
    pub fn elrs(&self) -> Vec<Elr> {
        self.layers.iter().map(|layer| layer.elr).collect()
    }

    /// The names, in the order of the layers.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.layers.iter().map(|layer| layer.name.as_str())
    }
}

impl Parsed {
    /// The ELRs as `optimizer` goes by them: of one that goes by updates those that were logged, or
    /// else those of its first step.
    ///
    /// # Errors
    /// [`MeasureError`] for an update of a weight whose size is not known.
    pub fn elrs_for(&self, optimizer: &Optimizer) -> Result<Vec<Elr>, MeasureError> {
        match &self.update_elrs {
            Some(elrs) if optimizer.measure() == Measure::Update => Ok(elrs.clone()),
            _ => self
                .snapshot
                .layers
                .iter()
                .map(|layer| layer.elr_for(optimizer))
                .collect(),
        }
    }
}
