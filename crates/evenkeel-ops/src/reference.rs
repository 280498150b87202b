//! The same operations composed of Burn's own: for other backends and types, and as the reference
//! in tests.

use burn::tensor::module::conv2d;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Bool, Int, Tensor, activation, s};

use evenkeel_kernels::layers::attention::AttentionMask;

use crate::arguments::{AttentionConfig, Norm, Normalized};

/// As [`Kernels::linear`](crate::Kernels::linear).
pub fn linear(x: Tensor<2>, w: Tensor<2>, b: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(w);
    match b {
        Some(b) => y + b.unsqueeze(),
        None => y,
    }
}

/// As [`Kernels::conv`](crate::Kernels::conv).
pub fn conv(
    x: Tensor<4>,
    w: Tensor<4>,
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
) -> Tensor<4> {
    let options = ConvOptions::new(stride, padding, [1, 1], groups);
    conv2d(x.permute([0, 3, 1, 2]), w, None, options).permute([0, 2, 3, 1])
}

/// As [`Kernels::batch_norm`](crate::Kernels::batch_norm).
pub fn batch_norm<const D: usize>(z: Tensor<D>, norm: Norm<D>) -> Normalized<D> {
    let shape = z.dims();
    let features = shape[D - 1];
    let rows = z.reshape([-1, features as i32]);
    let mean = rows.clone().mean_dim(0);
    let deviations = rows - mean.clone();
    let variance = deviations.clone().square().mean_dim(0);
    let scale = (variance.clone() + norm.epsilon).sqrt();
    let y = deviations / scale * norm.gamma.unsqueeze() + norm.beta.unsqueeze();
    let mut y: Tensor<D> = y.reshape(shape);
    if let Some(residual) = norm.residual {
        y = y + residual;
    }
    if norm.relu {
        y = activation::relu(y);
    }
    Normalized {
        y,
        mean: mean.reshape([features]).detach(),
        variance: variance.reshape([features]).detach(),
    }
}

/// As [`Kernels::subsample`](crate::Kernels::subsample).
pub fn subsample(x: Tensor<4>, stride: usize, zeros: usize) -> Tensor<4> {
    let step = stride as isize;
    let kept = x.slice(s![.., ..;step, ..;step, ..]);
    kept.pad([(0, 0), (0, 0), (0, 0), (0, zeros)], PadMode::Constant(0.0))
}

/// As [`Kernels::sgd_update`](crate::Kernels::sgd_update).
pub fn sgd_update<const D: usize>(
    w: Tensor<D>,
    g: Tensor<D>,
    weight_decay_factor: f64,
    lr: f64,
) -> Tensor<D> {
    w.mul_scalar(weight_decay_factor) - g.mul_scalar(lr)
}

/// As [`Kernels::gelu`](crate::Kernels::gelu).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}

/// As [`Kernels::layer_norm`](crate::Kernels::layer_norm).
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<D> {
    let deviations = match beta {
        Some(_) => x.clone() - x.mean_dim(D - 1),
        None => x,
    };
    let root = (deviations.clone().square().mean_dim(D - 1) + epsilon).sqrt();
    let y = deviations / root * gamma.unsqueeze();
    match beta {
        Some(beta) => y + beta.unsqueeze(),
        None => y,
    }
}

/// As [`Kernels::attention`](crate::Kernels::attention).
pub fn attention([query, key, value]: [Tensor<2>; 3], config: AttentionConfig) -> Tensor<2> {
    let AttentionConfig {
        context,
        heads,
        mask,
    } = config;
    let [tokens, width] = query.dims();
    let features = width / heads;
    let by_head = |x: Tensor<2>| {
        let x = x.reshape([tokens / context, context, heads, features]);
        x.swap_dims(1, 2)
    };
    let scale = (features as f64).sqrt().recip();
    let mut scores = by_head(query * scale).matmul(by_head(key).swap_dims(2, 3));
    if mask == AttentionMask::Causal {
        let later = Tensor::<2, Bool>::tril_mask([context; 2], 0, &scores.device());
        let later = later.unsqueeze::<4>().expand(scores.dims());
        scores = scores.mask_fill(later, f32::NEG_INFINITY);
    }
    let attended = activation::softmax(scores, 3).matmul(by_head(value));
    attended.swap_dims(1, 2).reshape([tokens, width])
}

/// As [`Kernels::cross_entropy`](crate::Kernels::cross_entropy).
pub fn cross_entropy(scores: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let rows = labels.dims()[0];
    let logarithms = activation::log_softmax(scores, 1);
    -logarithms.gather(1, labels.reshape([rows, 1])).mean()
}
