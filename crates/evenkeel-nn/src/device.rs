//! Where tensors are kept and computed with. One file a kind of device under `device/`, one row in
//! [`ALL`].

mod cpu;
mod cuda;
mod wgpu;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device, Tensor};
use thiserror::Error;

use crate::choice::names;

/// Every kind of device; the first is the default. A build may lack some.
pub const ALL: &[Entry] = &[cpu::ENTRY, cuda::ENTRY, wgpu::ENTRY];

/// A kind of device.
#[derive(Debug)]
pub struct Entry {
    /// Its grammar.
    pub grammar: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    name: &'static str,
    /// The engine, where the device does not name it.
    engine: &'static str,
    /// Whether it computes in 64-bit floats.
    doubles: bool,
    open: fn(Option<usize>) -> Result<Device, DeviceError>,
}

/// A device that is there and computes.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The device, with gradients.
    pub device: Device,
    /// Its description, as `run.toml` records it.
    pub description: String,
    /// Whether it computes in 64-bit floats.
    pub doubles: bool,
}

/// A device cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// No such kind.
    #[error("unknown `device` `{given}`; permitted: {permitted}")]
    Unknown {
        /// The value given.
        given: String,
        /// The permitted values.
        permitted: String,
    },
    /// A build without it.
    #[error(
        "this build has no `device` {name}: build one that has it with `cargo build --release --features \
         {name}`, or compute on the CPU"
    )]
    NotBuilt {
        /// The kind of device, and the feature that it needs.
        name: &'static str,
    },
    /// A machine without it.
    #[error("`device` {asked}: {found}; {advice}, or compute on the CPU")]
    Missing {
        /// The value requested.
        asked: String,
        /// The devices found.
        found: String,
        /// What the device needs.
        advice: &'static str,
    },
    /// It is there and does not compute.
    #[error(
        "`device` {asked} is there but does not compute: {problem}; see that its driver is whole, or \
         compute on the CPU"
    )]
    Broken {
        /// The value requested.
        asked: String,
        /// The problem.
        problem: String,
    },
}

impl DeviceError {
    /// Whether the error is in the request, not in the machine.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::NotBuilt { .. })
    }
}

/// The device asked for, such as `cpu` or `wgpu:1`, after it has computed something.
///
/// # Errors
/// [`DeviceError`] when this build or this machine does not have it.
pub fn open(asked: &str) -> Result<Opened, DeviceError> {
    let (entry, number) = find(asked).ok_or_else(|| DeviceError::Unknown {
        given: asked.to_owned(),
        permitted: names(ALL.iter().map(|entry| entry.grammar)),
    })?;
    let device = (entry.open)(number)?;
    // Drivers that are there in part fail by a panic, in whichever call needs the other part.
    let used = catch_unwind(AssertUnwindSafe(|| (compute(&device), identity(&device))));
    let (computed, identity) = used.map_err(|panic| broken(asked, message(&*panic)))?;
    computed.map_err(|problem| broken(asked, problem))?;
    let identity = identity.unwrap_or(entry.engine.to_owned());
    Ok(Opened {
        device: device.autodiff(),
        description: format!("{} ({identity})", entry.name),
        doubles: entry.doubles,
    })
}

fn find(asked: &str) -> Option<(&'static Entry, Option<usize>)> {
    let (name, number) = match asked.split_once(':') {
        Some((name, number)) => (name, Some(number.parse().ok()?)),
        None => (asked, None),
    };
    let entry = ALL.iter().find(|entry| entry.name == name)?;
    let numbered = entry.grammar != entry.name;
    (numbered || number.is_none()).then_some((entry, number))
}

/// Has the device multiply and read back.
fn compute(device: &Device) -> Result<(), String> {
    let twos = Tensor::<2>::full([4, 4], 2.0, device);
    let data = twos.clone().matmul(twos).into_data();
    let right = data.iter::<f32>().all(|entry| entry == 16.0);
    right
        .then_some(())
        .ok_or(format!("2 · 2 · 4 came to {data}"))
}

fn broken(asked: &str, problem: String) -> DeviceError {
    DeviceError::Broken {
        asked: asked.to_owned(),
        problem,
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").trim().to_owned()
}

/// One of the devices of a kind that the machine has, the first unless told otherwise.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn pick(
    devices: burn::tensor::Devices,
    name: &str,
    number: Option<usize>,
    advice: &'static str,
) -> Result<Device, DeviceError> {
    let devices = devices.into_vec();
    let found = match devices.len() {
        0 => "this machine has none".to_owned(),
        1 => format!("this machine has one, {name}:0"),
        count => format!("this machine has {name}:0 to {name}:{}", count - 1),
    };
    let asked = number.map_or(name.to_owned(), |number| format!("{name}:{number}"));
    let device = devices.into_iter().nth(number.unwrap_or(0));
    device.ok_or(DeviceError::Missing {
        asked,
        found,
        advice,
    })
}

/// The name that a GPU reports.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn identity(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

#[cfg(not(any(feature = "cuda", feature = "wgpu")))]
fn identity(_: &Device) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        let opened = open("cpu").unwrap();
        assert!(opened.device.is_autodiff() && opened.doubles);
        assert!(opened.description.starts_with("cpu ("));
    }

    #[test]
    fn what_is_no_device_is_refused_with_those_that_are() {
        for asked in ["", "gpu", "cpu:0", "cuda:", "wgpu:x", "wgpu:-1", "CPU"] {
            let error = open(asked).unwrap_err();
            assert!(error.is_usage());
            let message = error.to_string();
            assert!(message.contains("cpu, cuda[:N], wgpu[:N]"), "{message}");
        }
    }

    #[test]
    fn a_device_that_build_or_machine_lacks_is_refused_with_advice() {
        for name in ["cuda", "wgpu"] {
            let built =
                [cfg!(feature = "cuda"), cfg!(feature = "wgpu")][usize::from(name == "wgpu")];
            // No machine has so many.
            let error = open(&format!("{name}:60000")).unwrap_err();
            assert_eq!(error.is_usage(), !built);
            let advice = match built {
                true => "this machine has",
                false => "cargo build --release --features",
            };
            assert!(error.to_string().contains(advice), "{error}");
        }
    }

    #[test]
    fn panics_become_errors() {
        let caught = catch_unwind(|| panic!("no {}", "libnvrtc")).unwrap_err();
        assert_eq!(message(&*caught), "no libnvrtc");
    }
}
