//! A number for each step of a run.

use evenkeel::quantity::{GradientScale, LearningRate, PeakShare};

use crate::cells::Cells;
use crate::collector::Rows;
use crate::column::Column;
use crate::error::SnapshotError;
use crate::kind::{Kind, RATES, SCALES};
use crate::limits::Limits;
use crate::number;
use crate::parse::parse;
use crate::place::At;
use crate::warnings::Warnings;

/// The learning rate of each step, from step 0 on. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Rates {
    /// Column `lr`: the rates as they are.
    Absolute(Vec<LearningRate>),
    /// Column `share`: the rates as shares of a peak that is known elsewhere.
    Shares(Vec<PeakShare>),
}

impl Rates {
    /// Reads a row for each step with `lr` or `share`, and optionally `step`. Other columns are
    /// passed over, so that the log of a run will do.
    ///
    /// # Errors
    /// [`SnapshotError`] for the first thing that is wrong.
    pub fn parse(source_name: &str, text: &[u8]) -> Result<Self, SnapshotError> {
        let (rows, _) = parse::<RateRows>(source_name, text, &Limits::default())?;
        Ok(match rows.shares.is_empty() {
            true => Self::Absolute(rows.rates),
            false => Self::Shares(rows.shares),
        })
    }
}

/// One of the two is empty.
#[derive(Debug, Default)]
struct RateRows {
    rates: Vec<LearningRate>,
    shares: Vec<PeakShare>,
}

impl<'t> Rows<'t> for RateRows {
    const KIND: &'static Kind = &RATES;

    fn add(&mut self, at: At, cells: &Cells<'t>, _: &mut Warnings) -> Result<(), SnapshotError> {
        number::check_step(cells, at, self.rates.len() + self.shares.len())?;
        match (number::lr(cells, at)?, number::share(cells, at)?) {
            (Some(rate), None) if self.shares.is_empty() => self.rates.push(rate),
            (None, Some(share)) if self.rates.is_empty() => self.shares.push(share),
            (None, None) if cells.has(Column::Lr) => return Err(number::empty(Column::Lr, at)),
            (None, None) => return Err(number::empty(Column::Share, at)),
            _ => return Err(SnapshotError::TwoColumns { place: at.place() }),
        }
        Ok(())
    }
}

/// How large gradients are in each step, from step 0 on, in any unit (T20).
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    /// Positive numbers, at least one.
    pub scales: Vec<GradientScale>,
}

impl Scales {
    /// Reads a row for each step with `scale`, and optionally `step`. Other columns are passed over.
    ///
    /// # Errors
    /// [`SnapshotError`] for the first thing that is wrong.
    pub fn parse(source_name: &str, text: &[u8]) -> Result<Self, SnapshotError> {
        let (rows, _) = parse::<ScaleRows>(source_name, text, &Limits::default())?;
        Ok(Self { scales: rows.0 })
    }
}

#[derive(Debug, Default)]
struct ScaleRows(Vec<GradientScale>);

impl<'t> Rows<'t> for ScaleRows {
    const KIND: &'static Kind = &SCALES;

    fn add(&mut self, at: At, cells: &Cells<'t>, _: &mut Warnings) -> Result<(), SnapshotError> {
        number::check_step(cells, at, self.0.len())?;
        let scale = number::scale(cells, at)?;
        self.0
            .push(scale.ok_or_else(|| number::empty(Column::Scale, at))?);
        Ok(())
    }
}
