//! Which parameters are scale-invariant, and what their norms are.

mod norm_source;
mod reading;
mod units;
mod walk;

use std::collections::HashMap;

use burn::module::{Module, ParamId};
use burn::optim::GradientsParams;
use evenkeel::quantity::{QuantityError, RescaleFactor};
use thiserror::Error;

use crate::rescale::scale_weights;
use crate::scale::Scale;
use reading::Sums;
use units::Search;
use walk::{Reader, Survey, Tracked};

pub use norm_source::NormSource;
pub use reading::Reading;
pub use units::{UNIT_TOLERANCE, Units};

/// `|cos(W, ∇W)|·√numel` up to which a weight is taken to be scale-invariant (T1).
///
/// Random directions in `numel` dimensions have a cosine of about `1/√numel`, so that of a weight
/// that is not invariant is seldom below a tenth of it, while rounding and the ε of the norms leave
/// some thousandths at most: measured 1e-5 to 1e-3 for networks of 30 to 200 layers and 32 to 1024
/// features.
pub const COSINE_TOLERANCE: f64 = 0.1;

/// `|cos(W, ∇W)|` that no scale-invariant weight exceeds, however small.
pub const MAX_COSINE: f64 = 1e-3;

/// Relative change of the loss, under weights scaled by 2, up to which invariance is confirmed.
pub const LOSS_TOLERANCE: f64 = 1e-2;

/// What a parameter is to the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A weight whose scale does not matter to the loss: it counts in the spread.
    ScaleInvariant,
    /// A weight whose scale matters, such as the classifier's: reported, not counted.
    ScaleDependent,
    /// A parameter of rank below 2: a bias or the gain of a norm. Reported, not counted.
    Vector,
    /// A parameter that got no gradient, or is all zero: nothing can be said of it.
    Silent,
}

impl Role {
    /// The role in words, as in run folders.
    pub fn name(self) -> &'static str {
        match self {
            Role::ScaleInvariant => "scale-invariant",
            Role::ScaleDependent => "scale-dependent",
            Role::Vector => "vector",
            Role::Silent => "silent",
        }
    }
}

/// One parameter of the module, as the probe found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Burn's identity of the parameter.
    pub id: ParamId,
    /// The module path, such as `blocks.3.linear.weight`.
    pub path: String,
    /// The shape of the tensor.
    pub shape: Vec<usize>,
    /// What it is to the probe.
    pub role: Role,
    /// What was read when it was found; `None` when it got no gradient.
    pub found: Option<Reading>,
    /// The units it has been divided into; `None` for a weight that is read as a whole.
    pub units: Option<Units>,
}

impl Parameter {
    /// How many readings it has: one, or one a unit.
    pub fn parts(&self) -> usize {
        self.units.map_or(1, |units| units.count)
    }
}

/// What can go wrong while measuring.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The module has no weight that behaves scale-invariantly.
    #[error(
        "no scale-invariant weight among {parameters} parameters; a weight counts when a \
         normalization layer follows it, so that it is orthogonal to its gradient"
    )]
    NothingInvariant {
        /// How many parameters were looked at.
        parameters: usize,
    },
    /// A tracked weight got no gradient in this step.
    #[error("layer `{layer}` got no gradient; was the loss computed from the probed module?")]
    NoGradient {
        /// The module path.
        layer: String,
    },
    /// The module is not the one that was probed.
    #[error("there is no parameter `{layer}`; give a module of the structure that was probed")]
    Absent {
        /// The module path.
        layer: String,
    },
    /// A norm is unusable.
    #[error("layer `{layer}`: {source}")]
    Unusable {
        /// The module path.
        layer: String,
        /// What is wrong with it.
        source: QuantityError,
    },
}

/// The parameters of a module and which of them to track.
#[derive(Debug, Clone)]
pub struct Probe {
    parameters: Vec<Parameter>,
    /// Position among the tracked layers, by parameter.
    tracked: HashMap<ParamId, usize>,
    /// Tracked layers as indices into `parameters`.
    layers: Vec<usize>,
    /// Where norms are found before they are summed.
    norms: NormSource,
}

impl Probe {
    /// Finds the scale-invariant weights of `module` from one step's gradients: those of rank 2 or
    /// more whose gradient is orthogonal to them (T1), to within [`COSINE_TOLERANCE`] and
    /// [`MAX_COSINE`].
    ///
    /// A scale-dependent weight may be orthogonal to its gradient by accident, with a chance of up to
    /// a twelfth; [`Probe::recheck`] on other batches makes that unlikely, and [`Probe::confirm`]
    /// rules it out. A weight with a bias before its normalization is invariant together with the
    /// bias only, and passes as long as that is zero; leave such biases out.
    ///
    /// # Errors
    /// [`ProbeError::NothingInvariant`] when there is nothing to control.
    pub fn find<M: Module>(module: &M, gradients: &GradientsParams) -> Result<Self, ProbeError> {
        Self::survey(module, gradients).not_empty()
    }

    /// As [`Probe::find`], for networks that may have no scale-invariant weight.
    pub fn survey<M: Module>(module: &M, gradients: &GradientsParams) -> Self {
        Self::survey_with(NormSource::default(), module, gradients)
    }

    /// As [`Probe::survey`], with norms from `norms` now and in every later reading.
    pub fn survey_with<M: Module>(
        norms: NormSource,
        module: &M,
        gradients: &GradientsParams,
    ) -> Self {
        let mut survey = Survey::new(norms.clone());
        module.visit(&mut Reader::new(gradients, &mut survey));
        let readings = survey.sums.read();
        let parameters: Vec<Parameter> = survey
            .seen
            .into_iter()
            .map(|seen| seen.classify(&readings))
            .collect();
        Self::tracking(parameters, norms)
    }

    fn tracking(parameters: Vec<Parameter>, norms: NormSource) -> Self {
        let layers: Vec<usize> = (0..parameters.len())
            .filter(|&i| parameters[i].role == Role::ScaleInvariant)
            .collect();
        let tracked: HashMap<ParamId, usize> = layers
            .iter()
            .enumerate()
            .map(|(position, &i)| (parameters[i].id, position))
            .collect();
        Self {
            parameters,
            tracked,
            layers,
            norms,
        }
    }

    /// Itself, if there is anything to control.
    ///
    /// # Errors
    /// [`ProbeError::NothingInvariant`] when no weight is scale-invariant.
    pub fn not_empty(self) -> Result<Self, ProbeError> {
        if self.layers.is_empty() {
            return Err(ProbeError::NothingInvariant {
                parameters: self.parameters.len(),
            });
        }
        Ok(self)
    }

    /// The module with all tracked weights multiplied: the same function, if they are
    /// scale-invariant (T1). Of a weight that is divided, every second unit is: scaled all alike,
    /// slices of an invariant weight tell nothing about themselves.
    pub fn scaled<M: Module>(&self, module: &M, factor: RescaleFactor) -> M {
        let scale = |layer: &Parameter| match layer.units {
            None => factor.into(),
            Some(Units { axis, count }) => {
                let every_second = [RescaleFactor::ONE, factor].into_iter().cycle();
                Scale::along(axis, &every_second.take(count).collect::<Vec<_>>())
            }
        };
        let factors = self.layers().map(|layer| (layer.id, scale(layer)));
        scale_weights(module.clone(), &factors.collect())
    }

    /// Looks at the gradients of another batch and keeps only the weights that are orthogonal to
    /// theirs again (T1): none, perhaps, see [`Probe::not_empty`]. Gradients of a
    /// [`Probe::scaled`] module tell more.
    ///
    /// # Errors
    /// [`ProbeError`] when the layers cannot be read.
    pub fn recheck<M: Module>(
        mut self,
        module: &M,
        gradients: &GradientsParams,
    ) -> Result<Self, ProbeError> {
        let readings = self.read_by(vec![None; self.layers.len()], module, gradients)?;
        for (&index, reading) in self.layers.iter().zip(readings) {
            let parameter = &mut self.parameters[index];
            if !reading.is_orthogonal(&parameter.shape) {
                parameter.role = Role::ScaleDependent;
            }
        }
        Ok(Self::tracking(self.parameters, self.norms))
    }

    /// Confirms `L(aW) = L(W)` at `a = 2` (T1) and keeps only the weights that pass: none, perhaps,
    /// see [`Probe::not_empty`].
    ///
    /// All tracked weights are scaled at once first; only when that moves the loss by more than
    /// [`LOSS_TOLERANCE`] is each tried by itself. `loss` must be deterministic and in training
    /// mode, on the same batch each time.
    ///
    /// Not for very deep networks: the ε of a norm breaks invariance by some 1e-5, and a deep
    /// BN-ReLU network amplifies changes by about 1.2 a layer. At 50 layers its weights pass, at 100
    /// many fail. Cosines are local and stay reliable: see [`Probe::recheck`].
    pub fn confirm<M: Module>(mut self, module: &M, loss: impl Fn(&M) -> f64) -> Self {
        let before = loss(module);
        let moves = |ids: &[ParamId]| {
            let factors = ids
                .iter()
                .map(|&id| (id, RescaleFactor::DOUBLE.into()))
                .collect();
            let after = loss(&scale_weights(module.clone(), &factors));
            ((after - before) / before)
                .abs()
                .partial_cmp(&LOSS_TOLERANCE)
                != Some(std::cmp::Ordering::Less)
        };
        let ids: Vec<ParamId> = self.layers().map(|layer| layer.id).collect();
        if moves(&ids) {
            for parameter in &mut self.parameters {
                if parameter.role == Role::ScaleInvariant && moves(&[parameter.id]) {
                    parameter.role = Role::ScaleDependent;
                }
            }
        }
        Self::tracking(self.parameters, self.norms)
    }

    /// The same layers of another module of the same structure, found by their paths: of one that
    /// was loaded, whose parameters have identities of their own.
    ///
    /// # Errors
    /// [`ProbeError::Absent`] names a layer that the module does not have.
    pub fn rebound<M: Module>(mut self, module: &M) -> Result<Self, ProbeError> {
        let ids = walk::identities(module);
        for parameter in &mut self.parameters {
            parameter.id = *ids.get(&parameter.path).ok_or_else(|| ProbeError::Absent {
                layer: parameter.path.clone(),
            })?;
        }
        Ok(Self::tracking(self.parameters, self.norms))
    }

    /// Every trainable parameter of the module, in module order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The tracked layers, in module order.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &Parameter> + DoubleEndedIterator {
        self.layers.iter().map(|&i| &self.parameters[i])
    }

    /// What readings are of: each layer, or each unit of the layers that have been divided, with
    /// its number within the layer.
    pub fn parts(&self) -> impl Iterator<Item = (&Parameter, Option<usize>)> {
        self.layers().flat_map(|layer| {
            let number = move |i| layer.units.map(|_| i);
            (0..layer.parts()).map(move |i| (layer, number(i)))
        })
    }

    /// Divides the layers into units: slices along the axis, if there is one, along which all of them
    /// are scale-invariant by themselves (T1). Layers without one stay whole, as those under layer
    /// normalization do.
    ///
    /// Once it is divided, another call keeps only the units that pass again.
    #[must_use]
    pub fn by_unit<M: Module>(mut self, module: &M, gradients: &GradientsParams) -> Self {
        let divided = self.layers().any(|layer| layer.units.is_some());
        let axes = self.layers().map(|layer| {
            let all = || (0..layer.shape.len()).filter(|&axis| layer.shape[axis] > 1);
            let axes = match layer.units {
                Some(units) => vec![units.axis],
                None if divided => Vec::new(),
                None => all().collect(),
            };
            (layer.id, axes)
        });
        let axes = axes.collect();
        let mut search = Search::new(&axes, self.norms.clone());
        module.visit(&mut Reader::new(gradients, &mut search));
        let found = search.found();
        for &index in &self.layers {
            let parameter = &mut self.parameters[index];
            parameter.units = found.get(&parameter.id).copied();
        }
        self
    }

    /// Reads all layers, or units once divided ([`Probe::by_unit`]), in one pass over the module with
    /// one read-back. Readings are in the order of [`Probe::parts`].
    ///
    /// # Errors
    /// [`ProbeError`] when a layer got no gradient, or a norm is not finite or a weight is zero. A
    /// zero gradient is no error, and neither is a unit that is zero: it is dead in this step.
    pub fn read<M: Module>(
        &self,
        module: &M,
        gradients: &GradientsParams,
    ) -> Result<Vec<Reading>, ProbeError> {
        self.read_by(
            self.layers().map(|layer| layer.units).collect(),
            module,
            gradients,
        )
    }

    fn read_by<M: Module>(
        &self,
        units: Vec<Option<Units>>,
        module: &M,
        gradients: &GradientsParams,
    ) -> Result<Vec<Reading>, ProbeError> {
        let counts: Vec<usize> = units.iter().map(|u| u.map_or(1, |u| u.count)).collect();
        let mut tracked = Tracked {
            positions: &self.tracked,
            units,
            found: vec![None; self.layers.len()],
            sums: Sums::new(self.norms.clone(), counts.iter().sum()),
        };
        module.visit(&mut Reader::new(gradients, &mut tracked));
        let start = |(layer, start): (&Parameter, Option<usize>)| {
            start.ok_or_else(|| ProbeError::NoGradient {
                layer: layer.path.clone(),
            })
        };
        let starts = self.layers().zip(tracked.found).map(start);
        let starts: Vec<usize> = starts.collect::<Result<_, _>>()?;
        let known = tracked.sums.are_known();
        let readings = in_order(tracked.sums.read(), &starts, &counts);
        if !known {
            self.check(&readings, &counts)?;
        }
        Ok(readings)
    }

    /// Refuses norms that are not finite and layers that are zero.
    fn check(&self, readings: &[Reading], counts: &[usize]) -> Result<(), ProbeError> {
        // Gradients flow from the last layer to the first, so the last bad one is where it began.
        let mut end = readings.len();
        for (layer, count) in self.layers().zip(counts).rev() {
            let own = &readings[end - count..end];
            end -= count;
            Reading::joined(own)
                .norms()
                .map_err(|source| ProbeError::Unusable {
                    layer: layer.path.clone(),
                    source,
                })?;
        }
        Ok(())
    }
}

/// Readings that begin at `starts`, as many of each layer as `counts` says, in the order of layers. Modules
/// visit their layers in that order, and then none has to move.
fn in_order(readings: Vec<Reading>, starts: &[usize], counts: &[usize]) -> Vec<Reading> {
    if starts.is_sorted() && readings.len() == counts.iter().sum::<usize>() {
        return readings;
    }
    let own = starts.iter().zip(counts);
    own.flat_map(|(start, count)| &readings[*start..start + count])
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_in_the_order_of_layers() {
        let reading = |weight_norm: f64| Reading {
            weight_norm,
            gradient_norm: 1.0,
            cosine: 0.0,
        };
        let ordered = |starts: &[usize], counts: &[usize]| {
            let readings = (0..5).map(|i| reading(f64::from(i))).collect();
            let found = in_order(readings, starts, counts);
            found.iter().map(|r| r.weight_norm).collect::<Vec<_>>()
        };
        assert_eq!(ordered(&[0, 2], &[2, 3]), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ordered(&[3, 0], &[2, 3]), [3.0, 4.0, 0.0, 1.0, 2.0]);
        // One was visited twice, and the second time counts.
        assert_eq!(ordered(&[1, 2], &[1, 3]), [1.0, 2.0, 3.0, 4.0]);
    }
}
