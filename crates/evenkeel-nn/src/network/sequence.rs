//! Operations on sequences, whose tokens are rows, one example after the other.

use burn::tensor::module::embedding;
use burn::tensor::{Int, Tensor};

use super::signal::Signal;

/// The rows of a table that tokens `[batch, context]` number.
pub fn look_up(table: Tensor<2>, tokens: Tensor<2, Int>) -> Tensor<2> {
    embedding(table, tokens).flatten(0, 1)
}

/// A table of positions `[context, width]`, once for each sequence of the input.
pub fn positions(table: Tensor<2>, input: &Signal) -> Tensor<2> {
    let [context, _] = table.dims();
    let batch = match input {
        Signal::Tokens(tokens) => tokens.dims()[0],
        Signal::Rows(rows) => rows.dims()[0] / context,
        Signal::Maps(maps) => maps.dims()[0],
    };
    table.repeat_dim(0, batch)
}

/// Maps `[batch, height, width, channels]` as sequences of `height · width` tokens.
pub fn from_maps(maps: Tensor<4>) -> Tensor<2> {
    maps.flatten(0, 2)
}

/// Prepends the same token to each sequence.
pub fn prepend(token: Tensor<2>, rows: Tensor<2>, context: usize) -> Tensor<2> {
    let sequences = split(rows, context);
    let first = token.unsqueeze::<3>().repeat_dim(0, sequences.dims()[0]);
    Tensor::cat(vec![first, sequences], 1).flatten(0, 1)
}

/// The first token of each sequence.
pub fn first(rows: Tensor<2>, context: usize) -> Tensor<2> {
    split(rows, context).narrow(1, 0, 1).squeeze_dim(1)
}

fn split(rows: Tensor<2>, context: usize) -> Tensor<3> {
    let [count, width] = rows.dims();
    rows.reshape([count / context, context, width])
}
