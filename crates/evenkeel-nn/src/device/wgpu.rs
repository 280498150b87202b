//! Whatever has a driver of Vulkan, Metal or DirectX 12, through wgpu.

use burn::tensor::Device;

use super::{DeviceError, Entry};

pub(super) const ENTRY: Entry = Entry {
    grammar: "wgpu[:N]",
    summary: "a GPU through Vulkan, Metal or DirectX, the fastest or the Nth from 0; in builds with --features wgpu",
    name: "wgpu",
    engine: "unnamed",
    // Its shading language has none, whatever an adapter says of itself.
    doubles: false,
    open,
};

#[cfg(feature = "wgpu")]
fn open(number: Option<usize>) -> Result<Device, DeviceError> {
    use burn::tensor::{DeviceKind, DeviceType};
    let devices = Device::enumerate(DeviceType::Wgpu);
    let advice = "it needs a driver of Vulkan, Metal or DirectX 12";
    let numbered = super::pick(devices, ENTRY.name, number, advice)?;
    Ok(match number {
        Some(_) => numbered,
        // The first may be the processor's own.
        None => Device::wgpu(DeviceKind::DefaultDevice),
    })
}

#[cfg(not(feature = "wgpu"))]
fn open(_: Option<usize>) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { name: ENTRY.name })
}
