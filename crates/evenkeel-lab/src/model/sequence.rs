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

/// Maps `[batch, height, width, channels]` as sequences of `height · width` tokens.
pub fn from_maps(maps: Tensor<4>) -> Tensor<2> {
    maps.flatten(0, 2)
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution};

    fn numbers(x: Tensor<2>) -> Vec<Vec<f64>> {
        let width = x.dims()[1];
        let all: Vec<f64> = x.into_data().iter::<f64>().collect();
        all.chunks(width).map(<[f64]>::to_vec).collect()
    }

    /// One head of one sequence, written out.
    fn one(query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let scale = (query.len() as f64).sqrt();
        let weights: Vec<f64> = keys
            .iter()
            .map(|key| (inner(query, key) / scale).exp())
            .collect();
        let total: f64 = weights.iter().sum();
        let feature = |i: usize| {
            weights
                .iter()
                .zip(values)
                .map(|(w, v)| w / total * v[i])
                .sum()
        };
        (0..query.len()).map(feature).collect()
    }

    #[test]
    fn attention_is_what_it_is_written_as() {
        let (context, width, heads) = (3, 4, 2);
        let parts = [0, 1, 2].map(|_| {
            Tensor::<2>::random([2 * context, width], Distribution::Default, &Device::flex())
        });
        let [query, key, value] = parts.clone().map(numbers);
        for causal in [false, true] {
            let given = numbers(attend(parts.clone(), heads, context, causal));
            for row in 0..2 * context {
                let start = row / context * context;
                let end = if causal { row + 1 } else { start + context };
                for head in [0..2, 2..4] {
                    let cut = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
                        rows[start..end]
                            .iter()
                            .map(|r| r[head.clone()].to_vec())
                            .collect()
                    };
                    let expected = one(&query[row][head.clone()], &cut(&key), &cut(&value));
                    for (a, b) in given[row][head.clone()].iter().zip(expected) {
                        assert!((a - b).abs() < 1e-6, "row {row}: {a}, {b}");
                    }
                }
            }
        }
    }
}
