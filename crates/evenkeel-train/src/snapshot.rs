//! A network at initialisation with one batch and its gradients, for other tools and frameworks.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::{FloatDType, Tensor};
use evenkeel_nn::example::Input;
use evenkeel_nn::interchange::{Export, NamedTensor, to_safetensors};
use evenkeel_nn::layer::Layer;
use evenkeel_nn::network::Network;
use evenkeel_runs::error::RunsError;
use evenkeel_runs::file::write_atomically;
use serde::Serialize;

use crate::error::TrainError;
use crate::setup::Setup;

/// The files of a snapshot, by name.
#[derive(Debug)]
pub struct Snapshot {
    files: Vec<(&'static str, Vec<u8>)>,
}

/// Precision of a snapshot's gradients. Weights and batch are 32-bit numbers
/// either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As training computes: at depth 50, rounding moves gradient norms by some per cent.
    F32,
    /// Exact for all practical purposes: what other frameworks can be held against.
    F64,
}

/// `model.json`.
#[derive(Debug, Serialize)]
pub(crate) struct ModelFile<'a> {
    format: &'static str,
    model: &'a str,
    depth: usize,
    width: usize,
    input_shape: Vec<usize>,
    classes: usize,
    loss: &'static str,
    mode: &'static str,
    layers: Vec<Layer>,
}

impl<'a> ModelFile<'a> {
    /// The network of a setup.
    pub(crate) fn of(setup: &'a Setup, network: &Network) -> Self {
        Self {
            format: "evenkeel-model/1",
            model: setup.model.name,
            depth: setup.shape.depth,
            width: setup.shape.width,
            input_shape: setup.shape.example.dims(),
            classes: setup.shape.classes,
            loss: "mean cross-entropy of the softmax of the last layer's outputs",
            mode: "training: batch statistics in every batch_norm",
            layers: network.layers(),
        }
    }
}

impl Snapshot {
    /// Writes the files into `folder`, each whole or not at all.
    ///
    /// # Errors
    /// [`RunsError::FolderTaken`] when there is a snapshot already, [`RunsError::Io`].
    pub fn write(&self, folder: &Path, overwrite: bool) -> Result<(), TrainError> {
        if !overwrite
            && self
                .files
                .iter()
                .any(|(name, _)| folder.join(name).exists())
        {
            let path = folder.to_owned();
            return Err(RunsError::FolderTaken { path }.into());
        }
        std::fs::create_dir_all(folder).map_err(RunsError::io(folder))?;
        for (name, bytes) in &self.files {
            write_atomically(&folder.join(name), bytes)?;
        }
        Ok(())
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| *name)
    }
}

/// Builds the network, runs one forward and backward pass in training mode on the batch that
/// training would begin with, and collects the files.
///
/// # Errors
/// [`TrainError::Probe`] when a weight or gradient cannot be measured, [`TrainError::NoDoubles`] when the
/// device cannot compute in that precision.
pub fn take(setup: &Setup, precision: Precision) -> Result<Snapshot, TrainError> {
    let device = &setup.device.device;
    if precision == Precision::F64 && !setup.device.doubles {
        return Err(TrainError::NoDoubles {
            device: setup.device.description.clone(),
        });
    }
    let dtype = match precision {
        Precision::F32 => FloatDType::F32,
        Precision::F64 => FloatDType::F64,
    };
    let network = setup.network()?.map(&mut Cast(dtype));
    // Before anything is computed: that moves the statistics of batch normalizations.
    let weights = Export::of(&network, &GradientsParams::new()).weights;
    let (inputs, labels) = setup.feed().next_batch().on(device);
    let inputs = inputs.cast(dtype);
    let probe = setup.probe(&network, dtype)?;
    let loss = network.loss(inputs.clone(), labels.clone());
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let export = Export::of(&network, &gradients);

    let mut csv = "layer,weight_norm,grad_norm,numel,cosine\n".to_owned();
    for ((layer, unit), reading) in probe.parts().zip(probe.read(&network, &gradients)?) {
        if unit.is_some() && reading.weight_norm * reading.gradient_norm == 0.0 {
            // Dead on this batch: it has no ELR.
            continue;
        }
        let name = export.names.get(&layer.path).unwrap_or(&layer.path);
        let name = unit.map_or(name.clone(), |unit| format!("{name}[{unit}]"));
        let numel = layer.shape.iter().product::<usize>() / layer.parts();
        csv += &format!(
            "{name},{},{},{numel},{}\n",
            reading.weight_norm, reading.gradient_norm, reading.cosine
        );
    }
    let batch = [
        match inputs {
            Input::Numbers(numbers) => NamedTensor::floats("input", numbers),
            Input::Tokens(tokens) => {
                let dims = tokens.dims();
                NamedTensor::integers("input", &dims, tokens.into_data().iter::<i64>())
            }
        },
        NamedTensor::integers(
            "target",
            &labels.dims(),
            labels.clone().into_data().iter::<i64>(),
        ),
    ];
    Ok(Snapshot {
        files: vec![
            ("snapshot.csv", csv.into_bytes()),
            ("weights.safetensors", safetensors(&weights)?),
            ("batch.safetensors", safetensors(&batch)?),
            ("gradients.safetensors", safetensors(&export.gradients)?),
            ("model.json", json(&ModelFile::of(setup, &network))?),
        ],
    })
}

/// Casts every float tensor of a module.
struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let requires_gradient = tensor.is_require_grad();
            let cast = Tensor::from_inner(tensor.without_autodiff().cast(self.0));
            cast.set_require_grad(requires_gradient)
        })
    }
}

fn safetensors(tensors: &[NamedTensor]) -> Result<Vec<u8>, TrainError> {
    let bytes = to_safetensors(tensors, None);
    Ok(bytes.map_err(RunsError::malformed(Path::new("safetensors")))?)
}

fn json(model: &ModelFile) -> Result<Vec<u8>, TrainError> {
    let text = serde_json::to_vec_pretty(model);
    Ok(text.map_err(RunsError::malformed(Path::new("model.json")))?)
}
