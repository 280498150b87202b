//! Units: slices of a weight that are scale-invariant by themselves, as single rows are under batch
//! normalization (T1).

use std::collections::HashMap;

use burn::module::ParamId;
use burn::tensor::Tensor;

use super::norm_source::NormSource;
use super::reading::{Reading, Sums};
use super::walk::Collector;

/// Root mean square of `|cos(W, ∇W)|·√numel` over the units of a weight up to which they are taken to
/// be scale-invariant (T1).
///
/// Measured below 1e-4 for rows and filters under batch normalization, in networks of 4 to 200 layers.
/// Slices along other axes are of order 1, but two or three of them may be near 0.1 on batch after
/// batch: the input channels of noise are nearly alike.
pub const UNIT_TOLERANCE: f64 = 0.02;

/// The units of a weight: its slices along one axis. That is the axis of outputs, wherever a layer
/// keeps it: Burn's linear layers have it last, convolutions first, embeddings have one row a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// The axis along which the weight is sliced.
    pub axis: usize,
    /// How many slices there are.
    pub count: usize,
}

impl Units {
    /// Whether slices with these readings, of a tensor of this shape, are scale-invariant: the root
    /// mean square of `cos·√numel` over those that are alive is within [`UNIT_TOLERANCE`].
    ///
    /// Random directions have 1 there. It is a mean because a slice of few numbers, or one that a
    /// few examples reach, says little by itself, while all of them together say much: slices that
    /// are not invariant do not all have small cosines by accident.
    fn are_invariant(self, readings: &[Reading], shape: &[usize]) -> bool {
        let numel = shape.iter().product::<usize>() / self.count;
        let alive = |r: &&Reading| r.weight_norm * r.gradient_norm != 0.0;
        let squares: Vec<f64> = readings
            .iter()
            .filter(alive)
            .map(|r| r.cosine.powi(2))
            .collect();
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        // Nothing alive makes NaN, which is not within anything.
        (mean * numel as f64).sqrt() <= UNIT_TOLERANCE
    }
}

/// Where to look for units in a weight, and what was read there.
struct Candidate {
    id: ParamId,
    shape: Vec<usize>,
    units: Units,
    start: usize,
}

/// Reads the slices of each weight along the axes that come into question.
pub(super) struct Search<'a> {
    /// The axes to look at, by weight.
    axes: &'a HashMap<ParamId, Vec<usize>>,
    candidates: Vec<Candidate>,
    sums: Sums,
}

impl<'a> Search<'a> {
    pub(super) fn new(axes: &'a HashMap<ParamId, Vec<usize>>, norms: NormSource) -> Self {
        Self {
            axes,
            candidates: Vec::new(),
            sums: Sums::new(norms, 0),
        }
    }

    /// The units of each weight that has any; the most, should two axes pass.
    pub(super) fn found(self) -> HashMap<ParamId, Units> {
        let readings = self.sums.read();
        let mut found: HashMap<ParamId, Units> = HashMap::new();
        for candidate in self.candidates {
            let units = candidate.units;
            let own = &readings[candidate.start..candidate.start + units.count];
            let more = |others: &Units| units.count > others.count;
            if units.are_invariant(own, &candidate.shape)
                && found.get(&candidate.id).is_none_or(more)
            {
                found.insert(candidate.id, units);
            }
        }
        found
    }
}

impl Collector for Search<'_> {
    fn wants(&self, id: ParamId) -> bool {
        self.axes.contains_key(&id)
    }

    fn take<const D: usize>(
        &mut self,
        id: ParamId,
        weight: Tensor<D>,
        gradient: Option<Tensor<D>>,
    ) {
        let Some(gradient) = gradient else { return };
        for &axis in &self.axes[&id] {
            let shape = weight.dims().to_vec();
            let count = shape[axis];
            let start = self.sums.push(weight.clone(), gradient.clone(), Some(axis));
            self.candidates.push(Candidate {
                id,
                shape,
                units: Units { axis, count },
                start,
            });
        }
    }
}
