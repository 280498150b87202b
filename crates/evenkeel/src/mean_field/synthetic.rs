//! An architecture with a depth, as text and as ELRs.

use std::str::FromStr;

use super::{Architecture, Batch, MeanFieldError};
use crate::quantity::Elr;

/// How a synthetic network is written.
pub const GRAMMAR: &str = "[res-]NORM-ACTIVATION:DEPTH[:ELR][:batch=B]";

/// The deepest network.
pub(super) const MOST_LAYERS: usize = 100_000;

/// The ELR of the last layer unless given.
const USUAL_ELR: f64 = 0.1;

/// A network at initialisation of which only the architecture is known, read from text with
/// [`FromStr`]: `bn-relu:50`, `bn-relu:50:0.1`, `bn-relu:50:0.1:batch=128`.
#[derive(Debug, Clone, Copy)]
pub struct Synthetic {
    /// The architecture.
    pub architecture: Architecture,
    depth: usize,
    last: Elr,
}

impl Synthetic {
    /// The number of layers.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The ELR of the last layer.
    pub fn last(&self) -> Elr {
        self.last
    }

    /// The ELRs `‖∇W‖/‖W‖` of all layers from the input on (T21).
    pub fn elrs(&self) -> Vec<Elr> {
        let above = self.architecture.ln_gradient_norms(self.depth);
        let ln_elrs = above.into_iter().map(|above| self.last.ln() + above);
        ln_elrs.map(Elr::from_ln).collect()
    }
}

impl FromStr for Synthetic {
    type Err = MeanFieldError;

    fn from_str(text: &str) -> Result<Self, MeanFieldError> {
        let mut parts = text.split(':').map(str::trim).peekable();
        let mut architecture = Architecture::named(parts.next().unwrap_or_default())?;
        let depth = depth(parts.next().unwrap_or_default())?;
        let elr = parts.next_if(|part| !part.contains('='));
        let elr = elr.map_or(Ok(USUAL_ELR), |part| {
            part.parse().map_err(|_| setting(part))
        })?;
        if let Some(part) = parts.next() {
            let batch = part.strip_prefix("batch=").ok_or_else(|| setting(part))?;
            architecture = architecture.with_batch(samples(batch)?)?;
        }
        if let Some(part) = parts.next() {
            return Err(setting(part));
        }
        let last = Elr::new(elr)?;
        Ok(Self {
            architecture,
            depth,
            last,
        })
    }
}

fn depth(text: &str) -> Result<usize, MeanFieldError> {
    let depth = text.parse().ok();
    depth
        .filter(|depth| (1..=MOST_LAYERS).contains(depth))
        .ok_or_else(|| MeanFieldError::Depth {
            given: text.to_owned(),
        })
}

fn samples(text: &str) -> Result<Batch, MeanFieldError> {
    let given = || MeanFieldError::Batch {
        given: text.to_owned(),
    };
    Batch::of(text.parse().map_err(|_| given())?)
}

fn setting(text: &str) -> MeanFieldError {
    MeanFieldError::Setting {
        given: text.to_owned(),
    }
}
