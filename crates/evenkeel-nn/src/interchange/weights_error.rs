//! Errors of files of weights.

use std::path::PathBuf;

use evenkeel::quote::{quote, quote_all};
use safetensors::tensor::Dtype;
use thiserror::Error;

/// A file of weights that cannot be used.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is larger than any file of this network's weights.
    #[error(
        "{} has more than {most} bytes, which is the most that a network of {parameters} parameters \
         takes; give the weights of this network", path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes permitted.
        most: u64,
        /// Parameters of the network.
        parameters: usize,
    },
    /// It is no safetensors file.
    #[error("{} is not a whole safetensors file: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// It is not the file that was meant.
    #[error(
        "{} has SHA-256 {there}, but the run began with {expected}: give that file, or begin another \
         run in another folder", path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// The value found.
        there: String,
        /// The value expected.
        expected: String,
    },
    /// It has other tensors than the network.
    #[error(
        "{} is of another network: missing {}; not of this network {}; model options must be those \
         that the weights were made with", path.display(), quote_all(missing.iter()), quote_all(extra.iter())
    )]
    Names {
        /// The file.
        path: PathBuf,
        /// Tensors that the network has and the file has not.
        missing: Vec<String>,
        /// Tensors that the file has and the network has not.
        extra: Vec<String>,
    },
    /// A tensor has another shape than the network's.
    #[error(
        "{}: {} has shape {given:?}, but this network's has {expected:?}; model options must be \
         those that the weights were made with", path.display(), quote(tensor)
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        given: Vec<usize>,
        /// The shape expected.
        expected: Vec<usize>,
    },
    /// A tensor has elements that are no floats.
    #[error(
        "{}: {} has elements of type {given}; permitted: F16, BF16, F32, F64",
        path.display(), quote(tensor)
    )]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Their type.
        given: Dtype,
    },
    /// An element is not a finite 32-bit float.
    #[error(
        "{}: element {index} of {} is {value}, but must be finite and below 3.4e38 in size",
        path.display(), quote(tensor)
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Which element, last axis fastest.
        index: usize,
        /// The value found.
        value: f64,
    },
}
