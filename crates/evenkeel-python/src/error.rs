//! Errors as Python sees them.

use std::fmt::Display;

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(
    evenkeel,
    ElrError,
    PyValueError,
    "Something outside the range of the theory: the message has the value, what is permitted, and advice."
);

/// The error with the theory's words.
pub fn refuse(error: impl Display) -> PyErr {
    ElrError::new_err(error.to_string())
}
