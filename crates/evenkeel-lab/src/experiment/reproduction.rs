//! From the runs of a claim to its page.

use std::path::Path;

use super::evidence::Evidence;
use super::finding::Finding;
use super::provenance::Provenance;
use super::{Claim, Scale, page};
use crate::error::LabError;
use crate::run_folder::Run;
use crate::sweep::{Cell, cells};

/// The runs of some claims, each once.
///
/// # Errors
/// [`LabError::Malformed`] for a specification that TOML cannot hold.
pub fn runs(claims: &[&Claim], scale: Scale) -> Result<Vec<Cell>, LabError> {
    cells(
        claims
            .iter()
            .flat_map(|claim| (claim.runs)(scale))
            .collect(),
    )
}

/// Reads the numbers of a claim off its runs in `folder` and writes its page into `pages`. Runs that are
/// not there, or have not ended, are counted as missing.
///
/// # Errors
/// [`LabError`] for runs that cannot be read and pages that cannot be written.
pub fn conclude(
    claim: &Claim,
    scale: Scale,
    folder: &Path,
    pages: &Path,
    begun: Provenance,
) -> Result<Finding, LabError> {
    let mut evidence = Evidence::none(claim);
    let mut provenance = begun;
    for cell in runs(&[claim], scale)? {
        let place = folder.join(&cell.name);
        let run = match crate::trainer::ended(&place)? {
            Some(_) => Run::load(&place)?,
            None => {
                provenance.missing += 1;
                continue;
            }
        };
        evidence.add(claim, &run);
        provenance.add(&run);
    }
    page::write(pages, claim, &evidence, &provenance)
}
