//! Rates written out one by one, as a file or the log of a run has them.

use super::ScheduleError;
use crate::quantity::{LearningRate, PeakShare};

/// A rate for each step from step 0 on. After the last one the rate stays what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    rates: Vec<LearningRate>,
    last: LearningRate,
}

impl Table {
    /// The rates as they are.
    ///
    /// # Errors
    /// [`ScheduleError::NoRates`] when there is none.
    pub fn of_rates(rates: Vec<LearningRate>) -> Result<Self, ScheduleError> {
        let last = *rates.last().ok_or(ScheduleError::NoRates)?;
        Ok(Self { rates, last })
    }

    /// The rates as shares of `peak`.
    ///
    /// # Errors
    /// [`ScheduleError::NoRates`] when there is none.
    pub fn of_shares(shares: &[PeakShare], peak: LearningRate) -> Result<Self, ScheduleError> {
        let rate = |share: &PeakShare| peak.fraction(share.get());
        Self::of_rates(shares.iter().map(rate).collect())
    }

    pub(super) fn at(&self, step: usize) -> LearningRate {
        self.rates.get(step).copied().unwrap_or(self.last)
    }
}
