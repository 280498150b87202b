//! The values that flow from layer to layer.

use burn::tensor::{Int, Tensor};

use crate::example::Input;

/// The output of a layer. Each layer takes it in the form that it needs.
#[derive(Debug, Clone)]
pub enum Signal {
    /// Tokens `[batch, context]`.
    Tokens(Tensor<2, Int>),
    /// Features `[rows, features]`. The tokens of an example are rows in their order, one example
    /// after the other.
    Rows(Tensor<2>),
    /// Feature maps `[batch, height, width, channels]`: the features of a pixel side by side, as kernels
    /// want them.
    Maps(Tensor<4>),
}

impl From<Input> for Signal {
    fn from(input: Input) -> Self {
        match input {
            Input::Numbers(numbers) => Self::Rows(numbers),
            Input::Tokens(tokens) => Self::Tokens(tokens),
        }
    }
}

impl From<Tensor<2>> for Signal {
    fn from(rows: Tensor<2>) -> Self {
        Self::Rows(rows)
    }
}

impl From<Tensor<4>> for Signal {
    fn from(maps: Tensor<4>) -> Self {
        Self::Maps(maps)
    }
}

impl Signal {
    /// As `[rows, features]`: maps with all their pixels in a row, channel by channel.
    pub fn rows(self) -> Tensor<2> {
        match self {
            Self::Tokens(tokens) => tokens.float(),
            Self::Rows(rows) => rows,
            Self::Maps(maps) => channels_first(maps).flatten(1, 3),
        }
    }

    /// As `[batch, height, width, channels]`: a row as maps of one pixel.
    pub fn maps(self) -> Tensor<4> {
        match self {
            Self::Maps(maps) => maps,
            other => {
                let rows = other.rows();
                let [batch, features] = rows.dims();
                rows.reshape([batch, 1, 1, features])
            }
        }
    }

    /// As tokens `[batch, context]`.
    pub fn tokens(self) -> Tensor<2, Int> {
        match self {
            Self::Tokens(tokens) => tokens,
            other => other.rows().int(),
        }
    }

    /// The sum of two outputs of one form.
    pub fn plus(self, other: Self) -> Self {
        match self {
            Self::Maps(maps) => Self::Maps(maps + other.maps()),
            rows => Self::Rows(rows.rows() + other.rows()),
        }
    }

    /// All numbers in one row.
    pub fn flatten(self) -> Tensor<1> {
        match self {
            Self::Tokens(tokens) => tokens.float().flatten(0, 1),
            Self::Rows(rows) => rows.flatten(0, 1),
            Self::Maps(maps) => maps.flatten(0, 3),
        }
    }
}

/// Maps with channels last as maps with channels first.
pub fn channels_first(maps: Tensor<4>) -> Tensor<4> {
    maps.permute([0, 3, 1, 2])
}

/// Maps with channels first as maps with channels last.
pub fn channels_last(maps: Tensor<4>) -> Tensor<4> {
    maps.permute([0, 2, 3, 1])
}
