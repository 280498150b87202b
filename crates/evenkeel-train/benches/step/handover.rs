//! What the other side needs: the network, its weights and the batches, as `evenkeel snapshot`
//! writes them.

use std::error::Error;
use std::path::Path;

use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor};
use evenkeel_nn::example::Input;
use evenkeel_nn::interchange::{Export, NamedTensor, to_safetensors};
use evenkeel_runs::file::write_atomically;
use evenkeel_train::run::ResolvedRun;

/// Inputs and labels of a batch.
pub type Pair = (Input, Tensor<1, Int>);

/// The first batches of a run.
pub fn batches(spec: &ResolvedRun, count: usize) -> Vec<Pair> {
    let (device, mut feed) = (&spec.setup.device.device, spec.setup.feed());
    (0..count).map(|_| feed.next_batch().on(device)).collect()
}

/// Writes `model.json`, `weights.safetensors` and `batches.safetensors`.
pub fn write(spec: &ResolvedRun, batches: &[Pair], folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let network = spec.setup.network()?;
    let weights = Export::of(&network, &GradientsParams::new()).weights;
    let numbered = batches.iter().enumerate();
    let batches: Vec<NamedTensor> = numbered.flat_map(|(i, pair)| tensors(i, pair)).collect();
    let model = serde_json::json!({ "layers": spec.setup.layers });
    write_atomically(&folder.join("model.json"), &serde_json::to_vec(&model)?)?;
    write_atomically(
        &folder.join("weights.safetensors"),
        &to_safetensors(&weights, None)?,
    )?;
    write_atomically(
        &folder.join("batches.safetensors"),
        &to_safetensors(&batches, None)?,
    )?;
    Ok(())
}

fn tensors(number: usize, (input, target): &Pair) -> [NamedTensor; 2] {
    let name = format!("input.{number}");
    let input = match input.clone() {
        Input::Numbers(numbers) => NamedTensor::floats(&name, numbers),
        Input::Tokens(tokens) => integers(&name, tokens),
    };
    [input, integers(&format!("target.{number}"), target.clone())]
}

fn integers<const D: usize>(name: &str, tensor: Tensor<D, Int>) -> NamedTensor {
    let dims = tensor.dims();
    NamedTensor::integers(name, &dims, tensor.into_data().iter::<i64>())
}
