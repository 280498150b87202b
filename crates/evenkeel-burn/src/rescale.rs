//! Function-preserving rescaling of weights (T22), with gradients and optimiser state carried along.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::tensor::Tensor;
use burn_pack::{Bytes, DType, Reader, Writer};
use thiserror::Error;

use crate::scale::Scale;

/// How the tensors of Burn's optimisers follow a weight that is multiplied by `a`: by which power
/// of `a`. First moments live where gradients live (`1/a`), second moments where their squares
/// live (`1/a²`).
const STATE_POWERS: &[(&str, i32)] = &[
    ("velocity", -1),
    ("momentum", -1),
    ("moment_1", -1),
    ("moment_2", -2),
    ("max_moment_2", -2),
];

/// What can go wrong while carrying an optimiser's state along.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RescaleError {
    /// The optimiser keeps a tensor whose meaning is not known here.
    #[error(
        "the optimiser's state `{field}` cannot be rescaled; known: velocity (SGD with momentum), \
         momentum (Lion), moment_1, moment_2, max_moment_2 (Adam, AdamW). Rescale before the first step instead"
    )]
    UnknownState {
        /// The field's name within the optimiser's state.
        field: String,
    },
    /// The state is not in 32-bit floats.
    #[error("the optimiser's state `{field}` has type {dtype:?}; only F32 can be rescaled")]
    UnsupportedType {
        /// The field's name within the optimiser's state.
        field: String,
        /// The type found.
        dtype: DType,
    },
    /// Burn could not write or read the state.
    #[error("the optimiser's state could not be carried along: {0}")]
    State(String),
}

/// Multiplies each weight, or each of its units, by its factor and carries its gradient (`1/a`) and the optimiser's state
/// (`1/a` for first, `1/a²` for second moments) along (T22).
///
/// The network computes the same function afterwards, up to rounding and the ε of the norms: a norm
/// over variance `v` sees `a²v + ε`, so shrinking a weight until `a²v` comes near ε is not neutral.
///
/// # Errors
/// [`RescaleError`] when the optimiser's state cannot be carried along; nothing is changed then.
pub fn rescale<M: Module>(
    module: M,
    gradients: GradientsParams,
    optimizer: &mut ModuleOptimizer,
    factors: &HashMap<ParamId, Scale>,
) -> Result<(M, GradientsParams), RescaleError> {
    rescale_state(optimizer, factors)?;
    let mut carrier = GradientCarrier { factors, gradients };
    module.visit(&mut carrier);
    let gradients = carrier.gradients;
    Ok((scale_weights(module, factors), gradients))
}

/// Carries the optimiser's state along with weights that are multiplied by their factors.
///
/// # Errors
/// [`RescaleError`] when that cannot be; nothing is changed then.
pub(crate) fn rescale_state(
    optimizer: &mut ModuleOptimizer,
    factors: &HashMap<ParamId, Scale>,
) -> Result<(), RescaleError> {
    match factors.values().all(Scale::is_one) {
        true => Ok(()),
        false => carry_state(optimizer, factors),
    }
}

/// Multiplies each weight by its factor.
pub(crate) fn scale_weights<M: Module>(module: M, factors: &HashMap<ParamId, Scale>) -> M {
    module.map(&mut WeightScaler { factors })
}

struct WeightScaler<'a> {
    factors: &'a HashMap<ParamId, Scale>,
}

impl ModuleMapper for WeightScaler<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(factor) = self.factors.get(&param.id) else {
            return param;
        };
        param.map(|weight| {
            let requires_gradient = weight.is_require_grad();
            let scaled = Tensor::from_inner(factor.times(weight.without_autodiff()));
            scaled.set_require_grad(requires_gradient)
        })
    }
}

struct GradientCarrier<'a> {
    factors: &'a HashMap<ParamId, Scale>,
    gradients: GradientsParams,
}

impl ModuleVisitor for GradientCarrier<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(factor) = self.factors.get(&param.id) else {
            return;
        };
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients
                .register(param.id, factor.powi(-1).times(gradient));
        }
    }
}

fn carry_state(
    optimizer: &mut ModuleOptimizer,
    factors: &HashMap<ParamId, Scale>,
) -> Result<(), RescaleError> {
    let record = optimizer.to_record();
    if record.is_empty() {
        return Ok(());
    }
    let failed = |error: &dyn std::fmt::Display| RescaleError::State(error.to_string());
    let bytes = record.into_bytes().map_err(|e| failed(&e))?;
    let reader = Reader::from_bytes(bytes).map_err(|e| failed(&e))?;
    let (scalars, metadata) = (reader.scalars().clone(), reader.metadata().clone());
    let tensors = reader
        .into_tensors()
        .map_err(|e| failed(&e))?
        .into_iter()
        .map(|tensor| scale_state(tensor, factors))
        .collect::<Result<Vec<_>, _>>()?;
    let writer = metadata
        .iter()
        .fold(Writer::new(tensors), |writer, (key, value)| {
            writer.with_metadata(key, value)
        });
    let writer = scalars.iter().fold(writer, |writer, (key, value)| {
        writer.with_scalar(key, *value)
    });
    let bytes = writer.into_bytes().map_err(|e| failed(&e))?;
    let record = OptimizerRecord::from_bytes(bytes).map_err(|e| failed(&e))?;
    *optimizer = optimizer.clone().load_record(record);
    Ok(())
}

fn scale_state(
    tensor: burn_pack::Tensor,
    factors: &HashMap<ParamId, Scale>,
) -> Result<burn_pack::Tensor, RescaleError> {
    let (name, dtype, shape, id, bytes) = tensor
        .into_parts()
        .map_err(|error| RescaleError::State(error.to_string()))?;
    let factor = id.and_then(|id| factors.get(&ParamId::from(id)));
    let bytes = match factor {
        Some(factor) => scale_bytes(&name, dtype, &bytes, &shape, factor)?,
        None => bytes,
    };
    Ok(burn_pack::Tensor::new(name, dtype, shape, id, bytes))
}

fn scale_bytes(
    name: &str,
    dtype: DType,
    bytes: &[u8],
    shape: &[usize],
    factor: &Scale,
) -> Result<Bytes, RescaleError> {
    let field = name.rsplit('.').next().unwrap_or(name).to_owned();
    let Some((_, power)) = STATE_POWERS.iter().find(|(known, _)| *known == field) else {
        return Err(RescaleError::UnknownState { field });
    };
    if dtype != DType::F32 {
        return Err(RescaleError::UnsupportedType { field, dtype });
    }
    let scale = factor.powi(*power);
    let scaled = bytes.chunks_exact(4).enumerate().flat_map(|(index, b)| {
        let value = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        (value * scale.at(index, shape) as f32).to_le_bytes()
    });
    Ok(Bytes::from_bytes_vec(scaled.collect()))
}
