//! Data sets. One file a data set under `dataset/`, one row in [`ALL`].

mod digits;

use burn::tensor::{Device, Int, Tensor, TensorData};
use thiserror::Error;

use crate::example::{Example, Input};

/// A labelled data set in memory, split into training and test rows.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// What one row's input is.
    pub example: Example,
    /// Number of classes.
    pub classes: usize,
    /// Rows to train on.
    pub train: Split,
    /// Rows to test on.
    pub test: Split,
}

/// Rows of inputs with their labels.
#[derive(Debug, Clone, Default)]
pub struct Split {
    inputs: Vec<f32>,
    labels: Vec<i32>,
}

impl Split {
    fn push(&mut self, input: impl IntoIterator<Item = f32>, label: i32) {
        self.inputs.extend(input);
        self.labels.push(label);
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The rows as a batch, with their labels: one for each row of class scores.
    pub fn batch(&self, rows: &[usize], device: &Device) -> (Input, Tensor<1, Int>) {
        let features = self.inputs.len() / self.labels.len().max(1);
        let inputs: Vec<f32> = rows
            .iter()
            .flat_map(|row| &self.inputs[row * features..][..features])
            .copied()
            .collect();
        let labels: Vec<i32> = rows.iter().map(|&row| self.labels[row]).collect();
        (
            Input::Numbers(Tensor::from_data(
                TensorData::new(inputs, [rows.len(), features]),
                device,
            )),
            Tensor::from_data(TensorData::new(labels, [rows.len()]), device),
        )
    }
}

/// A data file that cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// The compressed file is damaged.
    #[error("data set `{name}` cannot be unpacked: {source}")]
    Unpack {
        /// The data set.
        name: &'static str,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A row has something else than numbers in range.
    #[error("data set `{name}`, row {row}: {problem}")]
    Row {
        /// The data set.
        name: &'static str,
        /// The row, counted from 1.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Loads the data set.
    pub load: fn() -> Result<Dataset, DataError>,
}

/// Every data set.
pub const ALL: &[Entry] = &[digits::ENTRY];

/// The data set called `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}
