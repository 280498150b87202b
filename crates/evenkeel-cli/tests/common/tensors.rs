//! Safetensors files, written and read without the code that is tested.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A tensor's type, shape and bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Stored {
    pub fn floats(&self) -> Vec<f32> {
        assert_eq!(self.dtype, "F32");
        let floats = self.bytes.chunks_exact(4);
        floats
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    /// The same values in another type.
    pub fn written(&self, dtype: &str, write: impl Fn(f32) -> Vec<u8>) -> Self {
        Self {
            dtype: dtype.to_owned(),
            shape: self.shape.clone(),
            bytes: self.floats().into_iter().flat_map(write).collect(),
        }
    }
}

pub type Tensors = BTreeMap<String, Stored>;

/// The tensors of a file and the note in it.
pub fn read(bytes: &[u8]) -> (Tensors, Option<Value>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, data) = bytes[8..].split_at(length);
    let mut header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let note = header.remove("__metadata__").map(|metadata| {
        let text = metadata["evenkeel"].as_str().unwrap();
        serde_json::from_str(text).unwrap()
    });
    let whole = |value: &Value| value.as_u64().unwrap() as usize;
    let tensors = header.into_iter().map(|(name, info)| {
        let [from, to] = [0, 1].map(|end| whole(&info["data_offsets"][end]));
        let stored = Stored {
            dtype: info["dtype"].as_str().unwrap().to_owned(),
            shape: info["shape"]
                .as_array()
                .unwrap()
                .iter()
                .map(whole)
                .collect(),
            bytes: data[from..to].to_vec(),
        };
        (name, stored)
    });
    (tensors.collect(), note)
}

pub fn write(tensors: &Tensors) -> Vec<u8> {
    let (mut header, mut data) = (BTreeMap::new(), Vec::new());
    for (name, tensor) in tensors {
        let from = data.len();
        data.extend(&tensor.bytes);
        let info = json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [from, data.len()]});
        header.insert(name, info);
    }
    with_header(&serde_json::to_string(&header).unwrap(), &data)
}

pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}
