//! From the runs of a claim to its page.

use std::path::Path;

use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_train::sweep::{Cell, cells};
use evenkeel_train::trainer;

use crate::claim::Claim;
use crate::error::ClaimsError;
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::page;
use crate::provenance::Provenance;
use crate::scale::Scale;

/// A request to test claims.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How much is computed.
    pub scale: Scale,
    /// The data set that stands in for CIFAR-10, if one does.
    pub images: Option<&'a str>,
}

impl Request<'_> {
    /// The runs of some claims, each once.
    ///
    /// # Errors
    /// [`RunsError::Malformed`](evenkeel_runs::error::RunsError::Malformed) for a specification that TOML cannot hold.
    pub fn runs(&self, claims: &[&Claim]) -> Result<Vec<Cell>, ClaimsError> {
        let runs = claims.iter().flat_map(|claim| (claim.runs)(self.scale));
        Ok(cells(runs.map(|run| self.on_images(run).into()))?)
    }

    fn on_images(&self, mut run: RunSettings) -> RunSettings {
        if let (Some(images), "cifar10") = (self.images, run.data.as_str()) {
            images.clone_into(&mut run.data);
        }
        run
    }

    /// Reads the numbers of a claim off its runs in `folder` and writes its page into `pages`. Runs that
    /// are not there, or have not ended, are counted as missing.
    ///
    /// # Errors
    /// [`ClaimsError`] for runs that cannot be read and pages that cannot be written.
    pub fn conclude(
        &self,
        claim: &Claim,
        folder: &Path,
        pages: &Path,
        begun: Provenance,
    ) -> Result<Finding, ClaimsError> {
        let mut evidence = Evidence::none(claim.sheets);
        let mut provenance = begun;
        for cell in self.runs(&[claim])? {
            let place = folder.join(&cell.name);
            if trainer::ended(&place)?.is_none() {
                provenance.missing += 1;
                continue;
            }
            let run = Run::load(&place)?;
            evidence.add(claim.sheets, &run);
            provenance.add(&run);
        }
        page::write(pages, claim, &evidence, &provenance)
    }
}
