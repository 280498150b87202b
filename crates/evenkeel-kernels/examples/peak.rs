//! scratch: how near the product kernels come to the processor's peak.
#![allow(missing_docs, clippy::print_stdout)]
use evenkeel_kernels::{correlation::Correlation, lattice::*, panels::Panels, product::*};
use std::time::Instant;
fn main() {
    // conv 3x3 on padded NHWC maps
    for (c, w, k) in [
        (16usize, 32usize, 3usize),
        (32, 16, 3),
        (64, 8, 3),
        (256, 0, 1),
        (192, 0, 1),
    ] {
        let (rows, from, to, segs, inlen) = if w > 0 {
            let wp = w + 2;
            (
                w * w,
                Lattice {
                    origin: 0,
                    columns: w,
                    row: wp * c,
                    column: c,
                },
                Lattice::rows(c),
                (0..k)
                    .map(|r| Segment {
                        offset: r * wp * c,
                        length: k * c,
                    })
                    .collect::<Vec<_>>(),
                wp * wp * c,
            )
        } else {
            (
                128,
                Lattice::rows(c),
                Lattice::rows(c),
                vec![Segment {
                    offset: 0,
                    length: c,
                }],
                128 * c,
            )
        };
        let depth: usize = segs.iter().map(|s| s.length).sum();
        let input: Vec<f32> = (0..inlen).map(|i| (i % 7) as f32 - 3.0).collect();
        let src: Vec<f32> = (0..depth * c).map(|i| (i % 5) as f32 - 2.0).collect();
        let rowsix: Vec<usize> = (0..depth).map(|k| k * c).collect();
        let matrix = Panels::new(&src, &rowsix, c, 1, widest());
        let mut out = vec![0.0; rows * c];
        let mut sums = vec![0.0; depth * c];
        let n = (2_000_000_000 / (rows * depth * c)).max(1);
        for _ in 0..2 {
            let t = Instant::now();
            for _ in 0..n {
                Product {
                    input: &input,
                    from,
                    segments: &segs,
                    matrix: &matrix,
                    bias: None,
                    output: &mut out,
                    to,
                    rows,
                }
                .compute();
            }
            let a = t.elapsed().as_secs_f64();
            let t = Instant::now();
            for _ in 0..n {
                Correlation {
                    input: &input,
                    from,
                    segments: &segs,
                    errors: &out,
                    at: to,
                    rows,
                    columns: c,
                    sums: &mut sums,
                }
                .accumulate();
            }
            let b = t.elapsed().as_secs_f64();
            let t = Instant::now();
            for _ in 0..n {
                std::hint::black_box(Panels::new(&src, &rowsix, c, 1, widest()));
            }
            let d = t.elapsed().as_secs_f64();
            let f = 2.0 * (n * rows * depth * c) as f64 / 1e9;
            println!(
                "c={c} w={w}: product {:.1} GF/s, correlation {:.1} GF/s, pack {:.1} us",
                f / a,
                f / b,
                d / n as f64 * 1e6
            );
        }
    }
}
