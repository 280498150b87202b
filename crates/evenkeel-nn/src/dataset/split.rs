//! The rows of a data set to train or to test on, and the batches made of them.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::images::{Images, Levels};
use super::text::Windows;
use crate::augment::Transform;
use crate::example::Input;

/// Rows of inputs with their labels.
#[derive(Debug, Clone)]
pub struct Split {
    rows: Rows,
}

/// The data of rows.
#[derive(Debug, Clone)]
pub(super) enum Rows {
    /// Images, and the number that each level of a pixel stands for.
    Images(Images, Arc<Levels>),
    /// Windows of a text.
    Text(Windows),
}

impl Split {
    pub(super) fn images(images: Images, levels: Arc<Levels>) -> Self {
        Self {
            rows: Rows::Images(images, levels),
        }
    }

    pub(super) fn text(windows: Windows) -> Self {
        Self {
            rows: Rows::Text(windows),
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Images(images, _) => images.len(),
            Rows::Text(windows) => windows.len(),
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images and what their levels stand for, where they are images.
    pub(super) fn as_images(&self) -> Option<(&Images, &Levels)> {
        match &self.rows {
            Rows::Images(images, levels) => Some((images, levels)),
            Rows::Text(_) => None,
        }
    }

    /// The rows in their kind.
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows as a batch, with their labels: one for each row of class scores.
    pub fn batch(&self, rows: &[usize], device: &Device) -> (Input, Tensor<1, Int>) {
        self.gather(rows, || Transform::NONE).on(device)
    }

    /// The rows as a batch in this machine's memory, each image under a transform of its own.
    pub fn gather(&self, rows: &[usize], mut transform: impl FnMut() -> Transform) -> Batch {
        match &self.rows {
            Rows::Images(images, levels) => {
                let mut numbers = Vec::with_capacity(rows.len() * images.size());
                for &row in rows {
                    images.append(row, transform(), levels, &mut numbers);
                }
                let label = |row: &usize| i32::from(images.labels()[*row]);
                Batch {
                    dims: [rows.len(), images.size()],
                    inputs: Inputs::Numbers(numbers),
                    labels: rows.iter().map(label).collect(),
                }
            }
            Rows::Text(windows) => Batch {
                dims: [rows.len(), windows.context()],
                inputs: Inputs::Tokens(windows.tokens(rows, 0)),
                labels: windows.tokens(rows, 1),
            },
        }
    }
}

/// A batch that is not on its device yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    dims: [usize; 2],
    inputs: Inputs,
    labels: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq)]
enum Inputs {
    Numbers(Vec<f32>),
    Tokens(Vec<i32>),
}

impl Batch {
    /// Inputs and labels as tensors.
    pub fn on(self, device: &Device) -> (Input, Tensor<1, Int>) {
        let inputs = match self.inputs {
            Inputs::Numbers(numbers) => Input::Numbers(Tensor::from_data(
                TensorData::new(numbers, self.dims),
                device,
            )),
            Inputs::Tokens(tokens) => Input::Tokens(Tensor::from_data(
                TensorData::new(tokens, self.dims),
                device,
            )),
        };
        let labels = [self.labels.len()];
        (
            inputs,
            Tensor::from_data(TensorData::new(self.labels, labels), device),
        )
    }
}
