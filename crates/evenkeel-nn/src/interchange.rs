//! Parameters and gradients for and from other frameworks: PyTorch's names and layouts, as
//! safetensors.
//!
//! Module paths are kept. A linear weight is transposed from Burn's `[inputs, outputs]` to
//! `[outputs, inputs]`; the gain and shift of a norm are called `weight` and `bias`.

pub mod weights_error;
pub mod weights_file;

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};

/// A named tensor of 32-bit floats or 64-bit integers, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Name as PyTorch's `state_dict` has it.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Little-endian elements, last axis fastest.
    pub bytes: Vec<u8>,
}

impl NamedTensor {
    /// From 32-bit floats.
    pub fn floats<const D: usize>(name: &str, tensor: Tensor<D>) -> Self {
        let data = tensor.into_data();
        Self {
            name: name.to_owned(),
            shape: data.shape().to_vec(),
            dtype: Dtype::F32,
            bytes: data.iter::<f32>().flat_map(f32::to_le_bytes).collect(),
        }
    }

    /// From whole numbers.
    pub fn integers(name: &str, shape: &[usize], values: impl Iterator<Item = i64>) -> Self {
        let bytes: Vec<u8> = values.flat_map(i64::to_le_bytes).collect();
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            dtype: Dtype::I64,
            bytes,
        }
    }
}

/// The bytes of a safetensors file, with a note about it under the key `evenkeel`. One key only:
/// several would be written in no fixed order.
///
/// # Errors
/// What safetensors says, should a shape not fit its elements.
pub fn to_safetensors(
    tensors: &[NamedTensor],
    note: Option<String>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let views = tensors
        .iter()
        .map(|t| {
            Ok((
                &t.name,
                TensorView::new(t.dtype, t.shape.clone(), &t.bytes)?,
            ))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let note = note.map(|note| HashMap::from([("evenkeel".to_owned(), note)]));
    safetensors::serialize(views, note)
}

/// Every parameter of a module with its gradient, under the name other frameworks use.
#[derive(Debug, Default)]
pub struct Export {
    /// The parameters, in module order.
    pub weights: Vec<NamedTensor>,
    /// Their gradients, for those that have one.
    pub gradients: Vec<NamedTensor>,
    /// The exported name by module path.
    pub names: HashMap<String, String>,
}

impl Export {
    /// Exports `module` with the gradients of one step.
    pub fn of<M: Module>(module: &M, gradients: &GradientsParams) -> Self {
        let mut exporter = Exporter {
            place: Place::default(),
            gradients,
            export: Self::default(),
        };
        module.visit(&mut exporter);
        exporter.export
    }
}

/// The path of a walk over a module.
#[derive(Debug, Default)]
struct Place {
    path: Vec<String>,
    containers: Vec<String>,
}

/// Name and layout of a parameter in PyTorch.
struct Exported {
    name: String,
    /// Whether it is transposed.
    transposed: bool,
}

impl Place {
    fn enter(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container_type.to_owned());
    }

    fn exit(&mut self) {
        self.path.pop();
        self.containers.pop();
    }

    /// The parameter here.
    fn exported(&self) -> Exported {
        let (leaf, parents) = match self.path.split_last() {
            Some((leaf, parents)) => (leaf.as_str(), parents.join(".")),
            None => ("weight", String::new()),
        };
        let owner = self.containers.last().map_or("", String::as_str);
        let leaf = match leaf {
            "gamma" => "weight",
            "beta" => "bias",
            other => other,
        };
        Exported {
            name: format!("{parents}.{leaf}"),
            transposed: owner == "Struct:Linear" && leaf == "weight",
        }
    }
}

struct Exporter<'a> {
    place: Place,
    gradients: &'a GradientsParams,
    export: Export,
}

impl ModuleVisitor for Exporter<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Exported { name, transposed } = self.place.exported();
        let lay_out = |tensor: Tensor<D>| {
            NamedTensor::floats(
                &name,
                if transposed {
                    tensor.transpose()
                } else {
                    tensor
                },
            )
        };
        self.export
            .weights
            .push(lay_out(param.val().without_autodiff()));
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.export.gradients.push(lay_out(gradient));
        }
        let path = self.place.path.join(".");
        self.export.names.insert(path, name);
    }
}
