//! Values and gradients of every operation against Burn's own, over random shapes.

use burn::tensor::{Device, Distribution, Int, Tensor};
use evenkeel_ops::{
    AttentionConfig, AttentionMask, Granularity, Kernels, Norm, NormCache, Normalized,
    inner_products, inner_products_along, reference,
};
use proptest::prelude::*;

#[path = "../../evenkeel-kernels/tests/common/narrower.rs"]
mod narrower;

fn device() -> Device {
    Device::flex().autodiff()
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &device())
}

/// Largest difference relative to the largest number.
fn apart<const D: usize>(ours: &Tensor<D>, reference: &Tensor<D>) -> f64 {
    assert_eq!(ours.dims(), reference.dims());
    let error = (ours.clone() - reference.clone()).abs().max();
    let size = reference.clone().abs().max().into_scalar::<f64>();
    error.into_scalar::<f64>() / size.max(1e-3)
}

fn same<const D: usize>(ours: &Tensor<D>, reference: &Tensor<D>) -> Result<(), TestCaseError> {
    let apart = apart(ours, reference);
    prop_assert!(apart < 2e-4, "{}", apart);
    Ok(())
}

/// The gradients of `inputs` when the output's is `dy`.
macro_rules! gradients {
    ($y:expr, $dy:expr, [$($input:expr),*]) => {{
        let gradients = ($y.clone() * $dy.clone()).sum().backward();
        ($($input.grad(&gradients).unwrap()),*,)
    }};
}

/// The same numbers in a graph of their own.
fn leaf<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(tensor.clone().inner()).require_grad()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn linear(rows in 1..200usize, inputs in 1..70usize, outputs in 1..70usize, bias in any::<bool>()) {
        let (x, w, b) = (random([rows, inputs]), random([inputs, outputs]), random([outputs]));
        let dy = random([rows, outputs]);
        let kernels = Kernels::new(2).unwrap();
        let [(y, dx, dw, db), (ry, rdx, rdw, rdb)] = [true, false].map(|ours| {
            let (x, w, b) = (leaf(&x), leaf(&w), leaf(&b));
            let given = bias.then(|| b.clone());
            let y = match ours {
                true => kernels.linear(x.clone(), w.clone(), given),
                false => reference::linear(x.clone(), w.clone(), given),
            };
            let gradients = (y.clone() * dy.clone()).sum().backward();
            (y.inner(), x.grad(&gradients).unwrap(), w.grad(&gradients).unwrap(), b.grad(&gradients))
        });
        same(&y, &ry)?;
        same(&dx, &rdx)?;
        same(&dw, &rdw)?;
        prop_assert_eq!(db.is_some(), bias);
        if let (Some(db), Some(rdb)) = (db, rdb) {
            same(&db, &rdb)?;
        }
    }

    #[test]
    fn conv(
        (batch, height, width) in (1..4usize, 3..9usize, 3..9usize),
        (inputs, outputs, groups) in (1..4usize, 1..20usize, 1..3usize),
        (rows, columns) in (1..4usize, 1..4usize),
        (stride, padding) in ([1..3usize, 1..3], [0..3usize, 0..3]),
    ) {
        let x = random([batch, height, width, inputs * groups]);
        let w = random([outputs * groups, inputs, rows, columns]);
        let kernels = Kernels::new(2).unwrap();
        let dims = kernels.conv(x.clone(), w.clone(), stride, padding, groups).dims();
        let dy = random(dims);
        let [(y, dx, dw), (ry, rdx, rdw)] = [true, false].map(|ours| {
            let (x, w) = (leaf(&x), leaf(&w));
            let y = match ours {
                true => kernels.conv(x.clone(), w.clone(), stride, padding, groups),
                false => reference::conv(x.clone(), w.clone(), stride, padding, groups),
            };
            let (dx, dw) = gradients!(y, dy, [x, w]);
            (y.inner(), dx, dw)
        });
        same(&y, &ry)?;
        same(&dx, &rdx)?;
        same(&dw, &rdw)?;
    }

    #[test]
    fn batch_norm(
        (batch, height, width, features) in (2..5usize, 1..5usize, 1..5usize, 1..40usize),
        residual in any::<bool>(),
        relu in any::<bool>(),
    ) {
        let shape = [batch, height, width, features];
        let (z, r, dy) = (random(shape), random(shape), random(shape));
        let (gamma, beta) = (random([features]), random([features]));
        let kernels = Kernels::new(2).unwrap();
        let [(y, mean, variance, dz, dgamma, dbeta, dr), (ry, rmean, rvariance, rdz, rdgamma, rdbeta, rdr)] =
            [true, false].map(|ours| {
                let (z, r, gamma, beta) = (leaf(&z), leaf(&r), leaf(&gamma), leaf(&beta));
                let norm = Norm {
                    gamma: gamma.clone(),
                    beta: beta.clone(),
                    epsilon: 1e-2,
                    residual: residual.then(|| r.clone()),
                    relu,
                };
                let Normalized { y, mean, variance } = match ours {
                    true => kernels.batch_norm(z.clone(), norm),
                    false => reference::batch_norm(z.clone(), norm),
                };
                let gradients = (y.clone() * dy.clone()).sum().backward();
                (
                    y.inner(),
                    mean.without_autodiff(),
                    variance.without_autodiff(),
                    z.grad(&gradients).unwrap(),
                    gamma.grad(&gradients).unwrap(),
                    beta.grad(&gradients).unwrap(),
                    r.grad(&gradients),
                )
            });
        same(&y, &ry)?;
        same(&mean, &rmean)?;
        same(&variance, &rvariance)?;
        same(&dz, &rdz)?;
        same(&dgamma, &rdgamma)?;
        same(&dbeta, &rdbeta)?;
        prop_assert_eq!(dr.is_some(), residual);
        if let (Some(dr), Some(rdr)) = (dr, rdr) {
            same(&dr, &rdr)?;
        }
    }

    #[test]
    fn winograd_conv(
        (batch, height, width) in (1..4usize, 2..9usize, 2..9usize),
        (inputs, outputs) in (16..40usize, 16..40usize),
        padding in [0..3usize, 0..3],
    ) {
        prop_assume!(height + 2 * padding[0] > 2 && width + 2 * padding[1] > 2);
        let x = random([batch, height, width, inputs]);
        let w = random([outputs, inputs, 3, 3]);
        let kernels = Kernels::new(2).unwrap();
        let dy = random(kernels.conv(x.clone(), w.clone(), [1, 1], padding, 1).dims());
        let [(y, dx, dw), (ry, rdx, rdw)] = [true, false].map(|ours| {
            let (x, w) = (leaf(&x), leaf(&w));
            let y = match ours {
                true => kernels.conv(x.clone(), w.clone(), [1, 1], padding, 1),
                false => reference::conv(x.clone(), w.clone(), [1, 1], padding, 1),
            };
            let (dx, dw) = gradients!(y, dy, [x, w]);
            (y.inner(), dx, dw)
        });
        same(&y, &ry)?;
        same(&dx, &rdx)?;
        same(&dw, &rdw)?;
    }

    #[test]
    fn linear_batch_norm(
        (rows, inputs, blocks) in (prop_oneof![2..200usize, 510..515usize], 1..70usize, 1..12usize),
        relu in any::<bool>(),
        residual in proptest::bool::weighted(0.2),
    ) {
        let outputs = 16 * blocks;
        let (x, w, dy) = (random([rows, inputs]), random([inputs, outputs]), random([rows, outputs]));
        let (gamma, beta) = (random([outputs]), random([outputs]));
        let summand = residual.then(|| random([rows, outputs]));
        // Where ReLU bends, the last digit decides what it lets through.
        let straight = Norm {
            gamma: gamma.clone(),
            beta: beta.clone(),
            epsilon: 1e-2,
            residual: summand.clone(),
            relu: false,
        };
        let raw = reference::batch_norm(x.clone().matmul(w.clone()), straight).y;
        let dy = dy * raw.abs().greater_elem(1e-3).float();
        let kernels = Kernels::new(2).unwrap();
        let [(y, mean, variance, gradients), (ry, rmean, rvariance, rgradients)] = [true, false].map(|ours| {
            let (x, w, gamma, beta) = (leaf(&x), leaf(&w), leaf(&gamma), leaf(&beta));
            let norm = Norm {
                gamma: gamma.clone(),
                beta: beta.clone(),
                epsilon: 1e-2,
                residual: summand.clone(),
                relu,
            };
            let Normalized { y, mean, variance } = match ours {
                true => kernels.linear_batch_norm(x.clone(), w.clone(), norm),
                false => reference::batch_norm(reference::linear(x.clone(), w.clone(), None), norm),
            };
            let gradients = gradients!(y, dy, [x, w, gamma, beta]);
            (y.inner(), mean.without_autodiff(), variance.without_autodiff(), gradients)
        });
        same(&y, &ry)?;
        same(&mean, &rmean)?;
        same(&variance, &rvariance)?;
        same(&gradients.0, &rgradients.0)?;
        same(&gradients.1, &rgradients.1)?;
        same(&gradients.2, &rgradients.2)?;
        same(&gradients.3, &rgradients.3)?;
    }

    #[test]
    fn subsample(
        (batch, height, width, channels) in (1..4usize, 1..9usize, 1..9usize, 1..9usize),
        (stride, zeros) in (1..4usize, 0..5usize),
    ) {
        let x = random([batch, height, width, channels]);
        let kernels = Kernels::new(2).unwrap();
        let dy = random(kernels.subsample(x.clone(), stride, zeros).dims());
        let [(y, dx), (ry, rdx)] = [true, false].map(|ours| {
            let x = leaf(&x);
            let y = match ours {
                true => kernels.subsample(x.clone(), stride, zeros),
                false => reference::subsample(x.clone(), stride, zeros),
            };
            let (dx,) = gradients!(y, dy, [x]);
            (y.inner(), dx)
        });
        prop_assert_eq!(apart(&y, &ry), 0.0);
        prop_assert_eq!(apart(&dx, &rdx), 0.0);
    }

    #[test]
    fn gelu((rows, columns) in (1..40usize, 1..40usize)) {
        let (x, dy) = (random([rows, columns]) * 6, random([rows, columns]));
        let kernels = Kernels::new(2).unwrap();
        let [(y, dx), (ry, rdx)] = [true, false].map(|ours| {
            let x = leaf(&x);
            let y = if ours { kernels.gelu(x.clone()) } else { reference::gelu(x.clone()) };
            let (dx,) = gradients!(y, dy, [x]);
            (y.inner(), dx)
        });
        same(&y, &ry)?;
        same(&dx, &rdx)?;
    }

    #[test]
    fn layer_norm(
        (batch, context, features) in (1..5usize, 1..20usize, 2..70usize),
        shift in any::<bool>(),
    ) {
        let shape = [batch, context, features];
        let (x, dy) = (random(shape), random(shape));
        let (gamma, beta) = (random([features]), random([features]));
        let kernels = Kernels::new(2).unwrap();
        let [(y, dx, dgamma, dbeta), (ry, rdx, rdgamma, rdbeta)] = [true, false].map(|ours| {
            let (x, gamma, beta) = (leaf(&x), leaf(&gamma), leaf(&beta));
            let given = shift.then(|| beta.clone());
            let y = match ours {
                true => kernels.layer_norm(x.clone(), gamma.clone(), given, 1e-2),
                false => reference::layer_norm(x.clone(), gamma.clone(), given, 1e-2),
            };
            let gradients = (y.clone() * dy.clone()).sum().backward();
            let [dx, dgamma] = [x.grad(&gradients).unwrap().flatten::<1>(0, 2), gamma.grad(&gradients).unwrap()];
            (y.inner(), dx, dgamma, beta.grad(&gradients))
        });
        same(&y, &ry)?;
        same(&dx, &rdx)?;
        same(&dgamma, &rdgamma)?;
        prop_assert_eq!(dbeta.is_some(), shift);
        if let (Some(dbeta), Some(rdbeta)) = (dbeta, rdbeta) {
            same(&dbeta, &rdbeta)?;
        }
    }

    #[test]
    fn attention(
        (sequences, context, heads, features) in (1..4usize, 1..80usize, 1..4usize, 1..40usize),
        causal in any::<bool>(),
    ) {
        let shape = [sequences * context, heads * features];
        let [query, key, value, dy] = [(); 4].map(|()| random(shape));
        let kernels = Kernels::new(2).unwrap();
        let mask = if causal { AttentionMask::Causal } else { AttentionMask::Full };
        let config = AttentionConfig { context, heads, mask };
        let [(y, dq, dk, dv), (ry, rdq, rdk, rdv)] = [true, false].map(|ours| {
            let (query, key, value) = (leaf(&query), leaf(&key), leaf(&value));
            let parts = [query.clone(), key.clone(), value.clone()];
            let y = match ours {
                true => kernels.attention(parts, config),
                false => reference::attention(parts, config),
            };
            let (dq, dk, dv) = gradients!(y, dy, [query, key, value]);
            (y.inner(), dq, dk, dv)
        });
        same(&y, &ry)?;
        // One token that sees itself alone has no gradient but for its value.
        if context > 1 {
            same(&dq, &rdq)?;
            same(&dk, &rdk)?;
        }
        same(&dv, &rdv)?;
    }

    #[test]
    fn cross_entropy((rows, classes) in (1..40usize, 2..40usize), weight in any::<bool>()) {
        let scores = random([rows, classes]) * 4;
        let labels = Tensor::<1>::random([rows], Distribution::Uniform(0.0, classes as f64), &device());
        let labels: Tensor<1, Int> = labels.int().inner();
        let labels = Tensor::from_inner(labels);
        let dy = if weight { random([1]) } else { Tensor::ones([1], &device()) };
        let kernels = Kernels::new(2).unwrap();
        let [(y, dx), (ry, rdx)] = [true, false].map(|ours| {
            let (scores, labels) = (leaf(&scores), labels.clone());
            let y = match ours {
                true => kernels.cross_entropy(scores.clone(), labels),
                false => reference::cross_entropy(scores.clone(), labels),
            };
            let (dx,) = gradients!(y, dy, [scores]);
            (y.inner(), dx)
        });
        same(&y, &ry)?;
        same(&dx, &rdx)?;
    }
}

#[test]
fn an_update_in_place_leaves_shared_tensors_alone() {
    let kernels = Kernels::new(2).unwrap();
    let (w, g) = (random([300, 70]).inner(), random([300, 70]).inner());
    let reference = reference::sgd_update(w.clone(), g.clone(), 0.9, 0.1);
    let before = w.to_data();
    let kept = w.clone();
    let stepped = kernels.sgd_update(w, g.clone(), 0.9, 0.1);
    assert!(apart(&stepped, &reference) < 1e-6);
    assert_eq!(kept.to_data(), before);
    // A view of some rows is no vector by itself, and its other rows stay.
    let rows = kept.clone().transpose();
    let stepped = kernels.sgd_update(rows, g.transpose(), 0.9, 0.1);
    assert!(apart(&stepped.transpose(), &reference) < 1e-6);
    assert_eq!(kept.to_data(), before);
}

#[test]
fn results_without_graph_and_in_other_types_agree() {
    let kernels = Kernels::default();
    let (x, w) = (random([5, 7]), random([7, 9]));
    let tracked = kernels
        .linear(x.clone(), w.clone().require_grad(), None)
        .inner();
    let plain = kernels.linear(x.clone().inner(), w.clone().inner(), None);
    assert_eq!(apart(&plain, &tracked), 0.0);
    let double = |t: Tensor<2>| t.inner().cast(burn::tensor::FloatDType::F64);
    let wide = kernels.linear(double(x), double(w), None);
    assert_eq!(wide.dtype(), burn::tensor::DType::F64);
    assert!(apart(&wide.cast(burn::tensor::FloatDType::F32), &plain) < 1e-5);
}

#[test]
fn inputs_may_be_transposed_views() {
    let kernels = Kernels::default();
    let (x, w) = (random([7, 5]), random([9, 7]));
    let ours = kernels.linear(x.clone().transpose(), w.clone().transpose(), None);
    let reference = reference::linear(x.transpose(), w.transpose(), None);
    assert!(apart(&ours, &reference) < 1e-5);
}

#[test]
fn a_tensor_used_twice_gets_both_gradients() {
    let kernels = Kernels::default();
    let (x, w) = (leaf(&random([4, 3])), leaf(&random([3, 3])));
    let y = kernels.linear(kernels.linear(x.clone(), w.clone(), None), w.clone(), None);
    let ours = w.grad(&y.sum().backward()).unwrap();
    let (x, w) = (leaf(&x), leaf(&w));
    let y = x.matmul(w.clone()).matmul(w.clone());
    let reference = w.grad(&y.sum().backward()).unwrap();
    assert!(apart(&ours, &reference) < 1e-5);
}

/// Norms that were taken with a gradient agree with norms of the gradient.
#[test]
fn norms_come_with_gradients() {
    let (x, dy) = (random([40, 50]), random([40, 70]));
    for granularity in [Granularity::Layer, Granularity::Unit] {
        let cache = NormCache::new(granularity);
        let kernels = Kernels::new(2).unwrap().taking_norms(cache.clone());
        let w = leaf(&random([50, 70]));
        let gradient = || {
            let norm = Norm {
                gamma: random([70]),
                beta: random([70]),
                epsilon: 1e-5,
                residual: None,
                relu: true,
            };
            let y = kernels.linear_batch_norm(x.clone(), w.clone(), norm).y;
            gradients!(y, dy, [w]).0
        };
        let plain = w.clone().inner();
        let near = |known: &[[f64; 3]], summed: &[[f64; 3]]| {
            assert_eq!(known.len(), summed.len());
            for (known, summed) in known.iter().flatten().zip(summed.iter().flatten()) {
                let near = (known - summed).abs() < 1e-5 * (1.0 + summed.abs());
                assert!(near, "{known} {summed}");
            }
        };
        let dw = gradient();
        let summed = inner_products(&plain, &dw).unwrap();
        near(&[cache.take(&plain, &dw).unwrap()], &[summed]);
        assert!(cache.take(&plain, &dw).is_none(), "taken once");

        let dw = gradient();
        assert!(cache.take_along(&plain, &dw, 0).is_none());
        let units = cache.take_along(&plain, &dw, 1);
        assert_eq!(units.is_some(), granularity == Granularity::Unit);
        if let Some(units) = units {
            near(&units, &inner_products_along(&plain, &dw, 1).unwrap());
        }
        // A weight that has changed since does not match.
        let dw = gradient();
        assert!(cache.take(&(plain.clone() * 2), &dw).is_none());
    }
}
