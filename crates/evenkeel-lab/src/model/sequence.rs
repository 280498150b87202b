//! What layers do to sequences, whose tokens are rows, one example after the other.

use burn::tensor::activation::softmax;
use burn::tensor::module::embedding;
use burn::tensor::{Bool, Int, Tensor};

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

/// Maps `[batch, channels, height, width]` as sequences of `height · width` tokens.
pub fn from_maps(maps: Tensor<4>) -> Tensor<2> {
    maps.flatten::<3>(2, 3).swap_dims(1, 2).flatten(0, 1)
}

/// The same token before each sequence.
pub fn prepend(token: Tensor<2>, rows: Tensor<2>, context: usize) -> Tensor<2> {
    let sequences = split(rows, context);
    let first = token.unsqueeze::<3>().repeat_dim(0, sequences.dims()[0]);
    Tensor::cat(vec![first, sequences], 1).flatten(0, 1)
}

/// The first token of each sequence.
pub fn first(rows: Tensor<2>, context: usize) -> Tensor<2> {
    split(rows, context).narrow(1, 0, 1).squeeze_dim(1)
}

/// `softmax(Q Kᵀ/√d) V` in each head.
pub fn attend(
    [query, key, value]: [Tensor<2>; 3],
    heads: usize,
    context: usize,
    causal: bool,
) -> Tensor<2> {
    let [rows, width] = query.dims();
    let features = width / heads;
    let by_head = |x: Tensor<2>| {
        let x = x.reshape([rows / context, context, heads, features]);
        x.swap_dims(1, 2)
    };
    let scale = (features as f64).sqrt().recip();
    let mut scores = by_head(query * scale).matmul(by_head(key).swap_dims(2, 3));
    if causal {
        let later = Tensor::<2, Bool>::tril_mask([context; 2], 0, &scores.device());
        let later = later.unsqueeze::<4>().expand(scores.dims());
        scores = scores.mask_fill(later, f32::NEG_INFINITY);
    }
    let seen = softmax(scores, 3).matmul(by_head(value));
    seen.swap_dims(1, 2).reshape([rows, width])
}

fn split(rows: Tensor<2>, context: usize) -> Tensor<3> {
    let [count, width] = rows.dims();
    rows.reshape([count / context, context, width])
}
