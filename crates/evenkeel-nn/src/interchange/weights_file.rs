//! Weights that enter: a safetensors file, by anyone, held against the network that it is for.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::weights_error::WeightsError;
use super::{Exported, Place};
use crate::hash::fingerprint;
use crate::layer::init::Init;
use crate::layer::{Layer, parameters};
use crate::network::Network;
use crate::seed::{Purpose, rng};

/// Bytes that a parameter takes at most: with as many statistics beside it, 64 bits each.
const BYTES_PER_PARAMETER: u64 = 16;
/// Bytes for names, shapes and notes: a hundred times what they take.
const HEADER_BYTES: u64 = 1 << 24;
/// What PyTorch counts beside the statistics of a batch normalization; nothing here goes by it.
const COUNTER: &str = ".num_batches_tracked";

/// The bytes of a file that fits a network.
#[derive(Debug, Clone)]
pub struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
    sha256: String,
}

impl WeightsFile {
    /// Reads a file of weights for the network of `layers`.
    ///
    /// # Errors
    /// [`WeightsError`] for a file that is damaged or does not fit, with the tensor it is about.
    pub fn read(path: &Path, layers: &[Layer]) -> Result<Self, WeightsError> {
        let bytes = read_bounded(path, parameters(layers))?;
        let file = Self {
            path: path.to_owned(),
            sha256: fingerprint(&bytes),
            bytes,
        };
        // Any weights will do to hold it against; these are drawn fast.
        let rng = &mut rng(0, Purpose::Weights);
        let network = Network::build(layers, Init::Kaiming, rng, &Device::flex());
        file.load_into(network)?;
        Ok(file)
    }

    /// SHA-256 of the file in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Refuses to be another file than that with SHA-256 `expected`.
    ///
    /// # Errors
    /// [`WeightsError::Other`].
    pub fn refuse_other(&self, expected: &str) -> Result<(), WeightsError> {
        if self.sha256.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(WeightsError::Other {
            path: self.path.clone(),
            there: self.sha256.clone(),
            expected: expected.to_owned(),
        })
    }

    /// The network with these weights.
    ///
    /// # Errors
    /// [`WeightsError`] when they do not fit.
    pub fn load_into(&self, network: Network) -> Result<Network, WeightsError> {
        let mut expected = Expected::default();
        network.visit(&mut expected);
        let values = self.values(&expected.shapes)?;
        let place = Place::default();
        Ok(network.map(&mut Importer { place, values }))
    }

    /// The values of every tensor that is expected, by name.
    fn values(&self, expected: &Shapes) -> Result<HashMap<String, Vec<f32>>, WeightsError> {
        let tensors = SafeTensors::deserialize(&self.bytes);
        let tensors = tensors.map_err(|error| WeightsError::Malformed {
            path: self.path.clone(),
            problem: error.to_string(),
        })?;
        self.check_names(expected, &tensors)?;
        let named = tensors.iter().filter_map(|(name, tensor)| {
            let shape = expected.iter().find(|(expected, _)| expected == name)?;
            Some((name, tensor, &shape.1))
        });
        named
            .map(|(name, tensor, shape)| Ok((name.to_owned(), self.floats(name, &tensor, shape)?)))
            .collect()
    }

    fn check_names(&self, expected: &Shapes, tensors: &SafeTensors) -> Result<(), WeightsError> {
        let there = tensors.names();
        let is_expected = |name: &str| expected.iter().any(|(expected, _)| expected == name);
        let is_counter = |name: &str| {
            let norm = name.strip_suffix(COUNTER);
            norm.is_some_and(|norm| is_expected(&format!("{norm}.running_mean")))
        };
        let missing = expected.iter().map(|(name, _)| name.clone());
        let missing: Vec<String> = missing.filter(|n| !there.contains(&n.as_str())).collect();
        let extra = there.iter().filter(|n| !is_expected(n) && !is_counter(n));
        let mut extra: Vec<String> = extra.map(|name| (*name).to_owned()).collect();
        if missing.is_empty() && extra.is_empty() {
            return Ok(());
        }
        extra.sort();
        Err(WeightsError::Names {
            path: self.path.clone(),
            missing,
            extra,
        })
    }

    fn floats(
        &self,
        name: &str,
        tensor: &TensorView,
        expected: &[usize],
    ) -> Result<Vec<f32>, WeightsError> {
        let (path, tensor_name) = (self.path.clone(), name.to_owned());
        if tensor.shape() != expected {
            return Err(WeightsError::Shape {
                path,
                tensor: tensor_name,
                given: tensor.shape().to_vec(),
                expected: expected.to_vec(),
            });
        }
        let Some(wide) = wide(tensor) else {
            return Err(WeightsError::Type {
                path,
                tensor: tensor_name,
                given: tensor.dtype(),
            });
        };
        let narrow = wide.iter().map(|value| *value as f32);
        match narrow.clone().position(|value| !value.is_finite()) {
            None => Ok(narrow.collect()),
            Some(index) => Err(WeightsError::NotFinite {
                path,
                tensor: tensor_name,
                index,
                value: wide[index],
            }),
        }
    }
}

/// The bytes of a file, unless there are more than so many parameters take.
fn read_bounded(path: &Path, parameters: usize) -> Result<Vec<u8>, WeightsError> {
    let failed = |source| WeightsError::Io {
        path: path.to_owned(),
        source,
    };
    let most = parameters as u64 * BYTES_PER_PARAMETER + HEADER_BYTES;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(WeightsError::TooLarge {
            path: path.to_owned(),
            most,
            parameters,
        });
    }
    Ok(bytes)
}

/// The elements as the widest floats, which hold all others exactly; `None` for those of other types.
fn wide(tensor: &TensorView) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], read: fn([u8; N]) -> f64) -> Vec<f64> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| read(*bytes))
            .collect()
    }
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F16 => each(bytes, |bytes| f16::from_le_bytes(bytes).to_f64()),
        Dtype::BF16 => each(bytes, |bytes| bf16::from_le_bytes(bytes).to_f64()),
        Dtype::F32 => each(bytes, |bytes| f32::from_le_bytes(bytes).into()),
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        _ => return None,
    })
}

/// Names and shapes as in PyTorch, in module order.
type Shapes = Vec<(String, Vec<usize>)>;

/// Finds out what a network expects.
#[derive(Default)]
struct Expected {
    place: Place,
    shapes: Shapes,
}

impl ModuleVisitor for Expected {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Exported { name, transposed } = self.place.exported();
        let mut shape = param.val().dims().to_vec();
        if transposed {
            shape.reverse();
        }
        self.shapes.push((name, shape));
    }
}

/// Puts values in the place of a network's own.
struct Importer {
    place: Place,
    values: HashMap<String, Vec<f32>>,
}

impl ModuleMapper for Importer {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Exported { name, transposed } = self.place.exported();
        let Some(values) = self.values.remove(&name) else {
            return param;
        };
        param.map(|own| {
            let values = match transposed {
                true => columns_first(&values, own.dims()[0]),
                false => values,
            };
            // A parameter is no result of other tensors: what is made here is made on the host.
            let loaded = Tensor::from_data(TensorData::new(values, own.dims()), &own.device());
            loaded.set_require_grad(own.is_require_grad())
        })
    }
}

/// The elements of a matrix with rows of that width, column by column.
fn columns_first(values: &[f32], width: usize) -> Vec<f32> {
    let column = |index: usize| values.iter().skip(index).step_by(width.max(1));
    (0..width).flat_map(column).copied().collect()
}
