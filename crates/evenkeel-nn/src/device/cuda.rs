//! GPUs of NVIDIA, through CUDA.

use burn::tensor::Device;

use super::{DeviceError, Entry};

pub(super) const ENTRY: Entry = Entry {
    grammar: "cuda[:N]",
    summary: "a GPU of NVIDIA, the first or the Nth from 0; in builds with --features cuda",
    name: "cuda",
    engine: "unnamed",
    doubles: true,
    open,
};

#[cfg(feature = "cuda")]
fn open(number: Option<usize>) -> Result<Device, DeviceError> {
    let devices = Device::enumerate(burn::tensor::DeviceType::Cuda);
    let advice = "it needs NVIDIA's driver (libcuda) and the CUDA toolkit's libnvrtc";
    super::pick(devices, ENTRY.name, number, advice)
}

#[cfg(not(feature = "cuda"))]
fn open(_: Option<usize>) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { name: ENTRY.name })
}
