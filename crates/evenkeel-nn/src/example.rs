//! Inputs of a network: the shape of one example, and a batch of them.

use burn::tensor::{FloatDType, Int, Tensor};

/// The shape of one example of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// Pixels, row by row, one channel after the other.
    Image {
        /// Numbers a pixel.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Tokens in their order, each of which the network is to predict from those before it.
    Tokens {
        /// Size of the vocabulary.
        vocabulary: usize,
        /// Tokens in an example.
        context: usize,
    },
}

impl Example {
    /// The axes of one example.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Self::Image {
                channels,
                height,
                width,
            } => vec![channels, height, width],
            Self::Tokens { context, .. } => vec![context],
        }
    }

    /// Numbers or tokens in one example.
    pub fn size(&self) -> usize {
        self.dims().iter().product()
    }
}

/// A batch of examples.
#[derive(Debug, Clone)]
pub enum Input {
    /// Numbers `[batch, size]`, those of an image in the order channel, row, column.
    Numbers(Tensor<2>),
    /// Tokens `[batch, context]`.
    Tokens(Tensor<2, Int>),
}

impl Input {
    /// As numbers `[batch, size]`; tokens count as what they are numbered.
    pub fn numbers(self) -> Tensor<2> {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Tokens(tokens) => tokens.float(),
        }
    }

    /// With numbers of another precision.
    pub fn cast(self, dtype: FloatDType) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(numbers.cast(dtype)),
            tokens => tokens,
        }
    }
}
