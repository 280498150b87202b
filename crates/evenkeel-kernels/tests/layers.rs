//! Linear layers and convolutions against their definitions, over random shapes.

use evenkeel_kernels::layers::conv::Conv;
use evenkeel_kernels::layers::linear::Linear;
use evenkeel_kernels::threads::ThreadPool;
use proptest::prelude::*;

#[path = "common/narrower.rs"]
mod narrower;

/// Numbers from −1 to 1, by seed.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

fn close(ours: &[f32], expected: &[f64], terms: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), expected.len());
    let tolerance = 1e-6 * (terms as f64).sqrt().max(1.0) * 4.0;
    for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        prop_assert!(
            (f64::from(*ours) - expected).abs() <= tolerance,
            "{}: {} instead of {}",
            index,
            ours,
            expected
        );
    }
    Ok(())
}

/// Calls `visit(y, x, w)` with the indices of every output, input and weight that are multiplied.
fn for_each_term(conv: &Conv, mut visit: impl FnMut(usize, usize, usize)) {
    let [height, width] = conv.output_size();
    let (inputs, outputs) = (conv.inputs / conv.groups, conv.outputs / conv.groups);
    for image in 0..conv.batch {
        for (row, column) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
            for (kr, kc) in
                (0..conv.kernel[0]).flat_map(|r| (0..conv.kernel[1]).map(move |c| (r, c)))
            {
                let (i, j) = (row * conv.stride[0] + kr, column * conv.stride[1] + kc);
                let inside = |at: usize, axis: usize| {
                    at.checked_sub(conv.padding[axis])
                        .filter(|at| *at < conv.size[axis])
                };
                let (Some(i), Some(j)) = (inside(i, 0), inside(j, 1)) else {
                    continue;
                };
                for output in 0..conv.outputs {
                    for input in 0..inputs {
                        let group = output / outputs;
                        let y = ((image * height + row) * width + column) * conv.outputs + output;
                        let x = ((image * conv.size[0] + i) * conv.size[1] + j) * conv.inputs
                            + group * inputs
                            + input;
                        let w =
                            ((output * inputs + input) * conv.kernel[0] + kr) * conv.kernel[1] + kc;
                        visit(y, x, w);
                    }
                }
            }
        }
    }
}

fn convs() -> impl Strategy<Value = Conv> {
    let sizes = (
        1..4usize,
        [1..9usize, 1..9],
        [1..4usize, 1..4],
        [1..4usize, 1..4],
        [0..4usize, 0..4],
    );
    (sizes, 1..5usize, 1..20usize, 1..4usize).prop_map(
        |((batch, size, kernel, stride, padding), inputs, outputs, groups)| Conv {
            batch,
            size,
            inputs: inputs * groups,
            outputs: outputs * groups,
            kernel,
            stride,
            padding,
            groups,
        },
    )
}

/// Convolutions that use Winograd's algorithm, with even and odd sides.
fn three_by_three() -> impl Strategy<Value = Conv> {
    let sizes = (1..4usize, [1..12usize, 1..12], [0..3usize, 0..3]);
    // With sixteen inputs the matrices fit into registers.
    let channels = || prop_oneof![1 => Just(16), 2 => 16..70usize];
    (sizes, channels(), channels()).prop_map(|((batch, size, padding), inputs, outputs)| Conv {
        batch,
        size,
        inputs,
        outputs,
        kernel: [3; 2],
        stride: [1; 2],
        padding,
        groups: 1,
    })
}

fn check(conv: &Conv, pool: &ThreadPool, seed: u64) -> Result<(), TestCaseError> {
    let x = numbers(conv.batch * conv.size[0] * conv.size[1] * conv.inputs, seed);
    let weights = conv.outputs * conv.inputs / conv.groups * conv.kernel[0] * conv.kernel[1];
    let w = numbers(weights, seed + 1);
    let dy = numbers(conv.batch * conv.output_numbers(), seed + 2);
    let (mut y, mut dw, mut dx) = (
        vec![f32::NAN; dy.len()],
        vec![f32::NAN; w.len()],
        vec![f32::NAN; x.len()],
    );
    conv.forward(pool, &x, &w, &mut y);
    conv.backward(pool, &x, &w, &dy, &mut dw, Some(&mut dx));

    let (mut expected_y, mut expected_dw, mut expected_dx) =
        (vec![0.0; y.len()], vec![0.0; w.len()], vec![0.0; x.len()]);
    for_each_term(conv, |at_y, at_x, at_w| {
        expected_y[at_y] += f64::from(x[at_x]) * f64::from(w[at_w]);
        expected_dw[at_w] += f64::from(x[at_x]) * f64::from(dy[at_y]);
        expected_dx[at_x] += f64::from(w[at_w]) * f64::from(dy[at_y]);
    });
    let kernel = conv.kernel[0] * conv.kernel[1];
    close(&y, &expected_y, conv.inputs * kernel)?;
    close(&dw, &expected_dw, conv.batch * conv.output_pixels())?;
    close(&dx, &expected_dx, conv.outputs * kernel)
}

proptest! {
    #[test]
    fn convolutions_and_their_gradients_match_the_definition(conv in convs(), seed in 0..1000u64) {
        check(&conv, &ThreadPool::single(), seed)?;
    }

    #[test]
    fn winograd_convolutions_match_the_definition(conv in three_by_three(), seed in 0..1000u64) {
        check(&conv, &ThreadPool::single(), seed)?;
    }

    #[test]
    fn linear_layers_and_their_gradients_match_the_definition(
        rows in prop_oneof![1..40usize, 380..420usize],
        inputs in prop_oneof![9 => 1..80usize, 1 => 180..220usize],
        outputs in prop_oneof![9 => 1..80usize, 1 => 180..220usize],
        seed in 0..1000u64,
    ) {
        let layer = Linear { rows, inputs, outputs };
        let (x, w, b, dy) = (
            numbers(rows * inputs, seed),
            numbers(inputs * outputs, seed + 1),
            numbers(outputs, seed + 2),
            numbers(rows * outputs, seed + 3),
        );
        let pool = ThreadPool::single();
        let (mut y, mut dw, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; w.len()], vec![f32::NAN; x.len()]);
        layer.forward(&pool, &x, &w, Some(&b), &mut y);
        layer.weight_gradient(&pool, &x, &dy, &mut dw);
        layer.input_gradient(&pool, &dy, &w, &mut dx);
        let (mut expected_y, mut expected_dw, mut expected_dx) =
            (vec![0.0; y.len()], vec![0.0; w.len()], vec![0.0; x.len()]);
        for r in 0..rows {
            for n in 0..outputs {
                expected_y[r * outputs + n] = f64::from(b[n]);
                for k in 0..inputs {
                    let (xk, wk, g) = (f64::from(x[r * inputs + k]), f64::from(w[k * outputs + n]), f64::from(dy[r * outputs + n]));
                    expected_y[r * outputs + n] += xk * wk;
                    expected_dw[k * outputs + n] += xk * g;
                    expected_dx[r * inputs + k] += wk * g;
                }
            }
        }
        close(&y, &expected_y, inputs)?;
        close(&dw, &expected_dw, rows)?;
        close(&dx, &expected_dx, outputs)?;
    }
}

#[test]
fn shapes_of_real_networks_match_the_definition() {
    let resnet = |inputs, outputs, stride, size| Conv {
        batch: 2,
        size: [size; 2],
        inputs,
        outputs,
        kernel: [3; 2],
        stride: [stride; 2],
        padding: [1; 2],
        groups: 1,
    };
    let first = Conv {
        kernel: [7; 2],
        padding: [3; 2],
        ..resnet(3, 64, 2, 20)
    };
    let pointwise = Conv {
        kernel: [1; 2],
        padding: [0; 2],
        ..resnet(64, 96, 2, 7)
    };
    let depthwise = Conv {
        groups: 32,
        ..resnet(32, 32, 1, 9)
    };
    let all = [
        resnet(3, 16, 1, 32),
        resnet(16, 32, 2, 16),
        resnet(64, 64, 1, 8),
        first,
        pointwise,
        depthwise,
    ];
    for conv in all {
        check(&conv, &ThreadPool::single(), 1).unwrap();
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let conv = Conv {
        batch: 37,
        size: [9, 8],
        inputs: 16,
        outputs: 24,
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 2],
        groups: 1,
    };
    let layer = Linear {
        rows: 1000,
        inputs: 50,
        outputs: 30,
    };
    let outcome = |threads: usize| {
        let pool = ThreadPool::new(threads).unwrap();
        let x = numbers(37 * 72 * 16, 1);
        let w = numbers(24 * 16 * 9, 2);
        let mut results = vec![
            vec![0.0; 37 * 72 * 24],
            vec![0.0; w.len()],
            vec![0.0; x.len()],
        ];
        let [y, dw, dx] = results.as_mut_slice() else {
            unreachable!()
        };
        conv.forward(&pool, &x, &w, y);
        conv.backward(&pool, &x, &w, y, dw, Some(dx));
        let (x, dy) = (numbers(50_000, 3), numbers(30_000, 4));
        let mut dw = vec![0.0; 1500];
        layer.weight_gradient(&pool, &x, &dy, &mut dw);
        results.push(dw);
        results
    };
    let alone = outcome(1);
    for threads in [2, 3, 5] {
        assert!(outcome(threads) == alone, "{threads} threads");
    }
}
