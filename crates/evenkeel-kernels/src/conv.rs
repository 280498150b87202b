//! Convolutions of maps `[batch, height, width, channels]` with weights
//! `[outputs, inputs / groups, kernel rows, kernel columns]`.
//!
//! An image is copied into a frame of zeros that stays in the cache of one core. What an output pixel
//! sees is then a few runs of consecutive numbers, and the convolution is a product of gathered
//! rows with a matrix. The gradient of the input is such a product too: of framed errors, for each
//! class of input pixels that the same rows and columns of the kernel reach.

use crate::correlation::Correlation;
use crate::frame::{Frame, copy};
use crate::lattice::{Lattice, Segment};
use crate::memory::Numbers;
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::winograd::Winograd;
use crate::workers::Workers;

/// Most pieces that a batch is cut into.
const PIECES: usize = 16;

/// Sizes of a convolution. Pairs are of rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Images.
    pub batch: usize,
    /// Size of an image.
    pub size: [usize; 2],
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Zeros on each side.
    pub padding: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

/// One axis of the gradient of the input: the pixels `first`, `first + stride`, …
struct Class {
    first: usize,
    count: usize,
    /// Positions of the kernel that reach them, the last first, with the offset of the error each
    /// brings: of consecutive errors.
    taps: Vec<usize>,
    /// The offset of the first tap's error.
    offset: isize,
}

/// The classes of one axis.
fn classes(size: usize, kernel: usize, stride: usize, padding: usize) -> Vec<Class> {
    let class = |first: usize| {
        let start = (first + padding) % stride;
        let taps: Vec<usize> = (start..kernel).step_by(stride).rev().collect();
        let offset = |tap: usize| ((first + padding) as isize - tap as isize) / stride as isize;
        Class {
            first,
            count: (size - first).div_ceil(stride),
            offset: taps.first().map_or(0, |tap| offset(*tap)),
            taps,
        }
    };
    (0..stride.min(size)).map(class).collect()
}

impl Conv {
    /// Size of the output's images.
    pub fn output_size(&self) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let room = self.size[axis] + 2 * self.padding[axis];
            match room.checked_sub(self.kernel[axis]) {
                Some(rest) => rest / self.stride[axis] + 1,
                None => 0,
            }
        })
    }

    /// Pixels of an output image.
    pub fn output_pixels(&self) -> usize {
        self.output_size().iter().product()
    }

    /// Numbers of an output image.
    pub fn output_numbers(&self) -> usize {
        self.output_pixels() * self.outputs
    }

    fn input_numbers(&self) -> usize {
        self.size[0] * self.size[1] * self.inputs
    }

    /// Images that one piece of work has.
    pub fn share(&self) -> usize {
        self.batch.div_ceil(PIECES).max(1)
    }

    fn frame(&self) -> Frame {
        Frame {
            size: self.size,
            channels: self.inputs,
            before: self.padding,
            framed: std::array::from_fn(|axis| self.size[axis] + 2 * self.padding[axis]),
        }
    }

    /// Where output pixels see a framed input from.
    fn windows(&self, group: usize) -> Lattice {
        Lattice {
            origin: group * self.inputs / self.groups,
            columns: self.output_size()[1].max(1),
            row: self.stride[0] * self.frame().row(),
            column: self.stride[1] * self.inputs,
        }
    }

    /// Runs of `channels` out of `all` for each of `taps` pixels of a row, and as one where they touch.
    fn row_segments(offset: usize, taps: usize, channels: usize, all: usize) -> Vec<Segment> {
        if channels == all {
            let length = taps * channels;
            return vec![Segment { offset, length }];
        }
        let tap = |tap: usize| Segment {
            offset: offset + tap * all,
            length: channels,
        };
        (0..taps).map(tap).collect()
    }

    /// What an output pixel sees.
    fn window(&self) -> Vec<Segment> {
        let rows = (0..self.kernel[0]).flat_map(|row| {
            let offset = row * self.frame().row();
            Self::row_segments(
                offset,
                self.kernel[1],
                self.inputs / self.groups,
                self.inputs,
            )
        });
        rows.collect()
    }

    /// Where in the weights of an output the numbers are that a window meets.
    fn window_weights(&self) -> Vec<usize> {
        let [rows, columns] = self.kernel;
        let taps = (0..rows * columns).flat_map(|tap| {
            (0..self.inputs / self.groups).map(move |input| input * rows * columns + tap)
        });
        taps.collect()
    }

    /// Weights of one output.
    fn weights(&self) -> usize {
        self.inputs / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// The same convolution with fewer multiplications, where it has that form and it pays.
    fn winograd(&self) -> Option<Winograd> {
        let fits = self.kernel == [3; 2] && self.stride == [1; 2] && self.groups == 1;
        let winograd = Winograd {
            size: self.size,
            inputs: self.inputs,
            outputs: self.outputs,
            padding: self.padding,
        };
        let near = self.padding.iter().all(|padding| *padding <= 2);
        Some(winograd).filter(|winograd| fits && near && winograd.pays())
    }

    /// `y`.
    pub fn forward(&self, workers: &Workers, x: &[f32], w: &[f32], y: &mut [f32]) {
        let Some(winograd) = self.winograd() else {
            return self.forward_directly(workers, x, w, y);
        };
        let weights = winograd.forward_weights(workers, w);
        let share = self.share();
        workers.chunks(y, share * self.output_numbers(), |piece, y| {
            let images = y.len() / self.output_numbers();
            let x = &x[piece * share * self.input_numbers()..][..images * self.input_numbers()];
            winograd.forward(workers, &weights, x, y);
        });
    }

    fn forward_directly(&self, workers: &Workers, x: &[f32], w: &[f32], y: &mut [f32]) {
        let outputs = self.outputs / self.groups;
        let rows = self.window_weights();
        let weights = |group: usize| &w[group * outputs * self.weights()..];
        let matrix = |group| {
            Panels::new(
                workers,
                weights(group),
                &rows,
                outputs,
                self.weights(),
                widest(),
            )
        };
        let matrices: Vec<Panels> = (0..self.groups).map(matrix).collect();
        let (frame, window) = (self.frame(), self.window());
        let share = self.share();
        workers.chunks(y, share * self.output_numbers(), |piece, y| {
            let mut framed = workers.memory().zeros(frame.numbers());
            for (image, y) in y.chunks_mut(self.output_numbers()).enumerate() {
                let x = self.image(x, piece * share + image);
                frame.fill(&mut framed, |pixel, row| copy(x, pixel * self.inputs, row));
                for (group, matrix) in matrices.iter().enumerate() {
                    Product {
                        input: &framed,
                        from: self.windows(group),
                        segments: &window,
                        matrix,
                        bias: None,
                        rows: self.output_pixels(),
                        output: y,
                        to: Lattice::line(group * outputs, self.outputs),
                    }
                    .compute();
                }
            }
        });
    }

    fn image<'a>(&self, x: &'a [f32], image: usize) -> &'a [f32] {
        &x[image * self.input_numbers()..][..self.input_numbers()]
    }

    /// The gradients of the weights and, if there is room for it, of the input.
    pub fn backward(
        &self,
        workers: &Workers,
        x: &[f32],
        w: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let Some(winograd) = self.winograd() else {
            return self.backward_directly(workers, x, w, dy, dw, dx);
        };
        let backwards = winograd.backwards();
        let weights = dx.is_some().then(|| backwards.backward_weights(workers, w));
        let share = self.share();
        let piece = |piece: usize, dx: Option<&mut [f32]>| {
            let images = share.min(self.batch - piece * share);
            let (inputs, outputs) = (self.input_numbers(), self.output_numbers());
            let x = &x[piece * share * inputs..][..images * inputs];
            let dy = &dy[piece * share * outputs..][..images * outputs];
            if let (Some(weights), Some(dx)) = (&weights, dx) {
                backwards.forward(workers, weights, dy, dx);
            }
            winograd.weight_sums(workers, x, dy)
        };
        let parts = match dx {
            Some(dx) => workers.chunks_with(dx, share * self.input_numbers(), |index, dx| {
                piece(index, Some(dx))
            }),
            None => workers.map(self.batch.div_ceil(share), |index| piece(index, None)),
        };
        let mut sums = workers.memory().numbers(dw.len());
        add_up(workers, &parts, &mut sums);
        winograd.weight_gradient(&sums, dw);
    }

    fn backward_directly(
        &self,
        workers: &Workers,
        x: &[f32],
        w: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let share = self.share();
        let plan = InputGradient::new(self, workers, w);
        let window = self.window();
        let piece = |piece: usize, mut dx: Option<&mut [f32]>| {
            let mut sums = workers.memory().zeros(dw.len());
            let mut framed = workers.memory().zeros(self.frame().numbers());
            let mut errors = workers.memory().zeros(plan.frame.numbers());
            let images = piece * share..((piece + 1) * share).min(self.batch);
            for (image, place) in images.clone().zip(0..) {
                let first = image * self.output_pixels();
                plan.frame.fill(&mut errors, |pixel, row| {
                    copy(dy, (first + pixel) * self.outputs, row);
                });
                let x = self.image(x, image);
                self.frame()
                    .fill(&mut framed, |pixel, row| copy(x, pixel * self.inputs, row));
                self.correlate(&framed, &window, &errors, plan.frame.pixels(), &mut sums);
                if let Some(dx) = &mut dx {
                    let numbers = self.input_numbers();
                    plan.compute(self, &errors, &mut dx[place * numbers..][..numbers]);
                }
            }
            sums
        };
        let parts = match dx {
            Some(dx) => workers.chunks_with(dx, share * self.input_numbers(), |index, dx| {
                piece(index, Some(dx))
            }),
            None => workers.map(self.batch.div_ceil(share), |index| piece(index, None)),
        };
        let mut sums = workers.memory().zeros(dw.len());
        add_up(workers, &parts, &mut sums);
        self.spread(&sums, dw);
    }

    /// Adds one image's part of the gradients of all weights, in the order in which windows meet them.
    fn correlate(
        &self,
        framed: &[f32],
        window: &[Segment],
        dy: &[f32],
        at: Lattice,
        sums: &mut [f32],
    ) {
        let outputs = self.outputs / self.groups;
        for (group, sums) in sums.chunks_mut(outputs * self.weights()).enumerate() {
            Correlation {
                input: framed,
                from: self.windows(group),
                segments: window,
                errors: dy,
                at: Lattice {
                    origin: at.origin + group * outputs,
                    ..at
                },
                rows: self.output_pixels(),
                columns: outputs,
                sums,
            }
            .accumulate();
        }
    }

    /// From the order in which windows meet weights to that of the weights.
    fn spread(&self, sums: &[f32], dw: &mut [f32]) {
        let outputs = self.outputs / self.groups;
        let places = self.window_weights();
        let groups = dw.chunks_mut(outputs * self.weights());
        for (dw, sums) in groups.zip(sums.chunks(outputs * self.weights())) {
            for (sums, place) in sums.chunks(outputs).zip(&places) {
                let column = dw[*place..].iter_mut().step_by(self.weights());
                column.zip(sums).for_each(|(dw, sum)| *dw = *sum);
            }
        }
    }
}

/// The gradient of one image from its framed errors.
struct InputGradient {
    /// The frame of the errors.
    frame: Frame,
    /// For each class of pixels and each group.
    parts: Vec<Part>,
}

struct Part {
    from: Lattice,
    segments: Vec<Segment>,
    matrix: Panels,
    to: Lattice,
    rows: usize,
}

impl InputGradient {
    fn new(conv: &Conv, workers: &Workers, w: &[f32]) -> Self {
        let axes: [Vec<Class>; 2] = std::array::from_fn(|axis| {
            classes(
                conv.size[axis],
                conv.kernel[axis],
                conv.stride[axis],
                conv.padding[axis],
            )
        });
        let size = conv.output_size();
        // As far before and behind the errors as any class looks.
        let before = std::array::from_fn(|axis| {
            let least = axes[axis].iter().map(|class| class.offset).min();
            (-least.unwrap_or(0)).max(0) as usize
        });
        let framed = std::array::from_fn(|axis| {
            let end = |class: &Class| class.offset + (class.count + class.taps.len()) as isize;
            let furthest = axes[axis].iter().map(end).max().unwrap_or(0).max(0) as usize;
            before[axis] + size[axis].max(furthest)
        });
        let frame = Frame {
            size,
            channels: conv.outputs,
            before,
            framed,
        };
        let mut parts = Vec::new();
        for rows in &axes[0] {
            for columns in &axes[1] {
                parts.extend(
                    (0..conv.groups)
                        .map(|group| frame.part(conv, workers, w, group, rows, columns)),
                );
            }
        }
        Self { frame, parts }
    }

    fn compute(&self, conv: &Conv, dy: &[f32], dx: &mut [f32]) {
        debug_assert_eq!(dx.len(), conv.input_numbers());
        for part in &self.parts {
            Product {
                input: dy,
                from: part.from,
                segments: &part.segments,
                matrix: &part.matrix,
                bias: None,
                output: dx,
                to: part.to,
                rows: part.rows,
            }
            .compute();
        }
    }
}

impl Frame {
    /// The pixels of one class of rows and one of columns, in the channels of one group.
    fn part(
        &self,
        conv: &Conv,
        workers: &Workers,
        w: &[f32],
        group: usize,
        rows: &Class,
        columns: &Class,
    ) -> Part {
        let (inputs, outputs) = (conv.inputs / conv.groups, conv.outputs / conv.groups);
        let place =
            |axis: usize, class: &Class| (self.before[axis] as isize + class.offset) as usize;
        let taps = rows.taps.len() * usize::from(!columns.taps.is_empty());
        let segments = (0..taps).flat_map(|row| {
            Conv::row_segments(row * self.row(), columns.taps.len(), outputs, conv.outputs)
        });
        let kernel = conv.kernel[1];
        let weights = rows.taps.iter().flat_map(|row| {
            let columns = columns.taps.iter();
            columns.flat_map(move |column| {
                (0..outputs).map(move |output| output * conv.weights() + row * kernel + column)
            })
        });
        let weights: Vec<usize> = weights.collect();
        let first = group * outputs * conv.weights();
        Part {
            from: Lattice {
                origin: place(0, rows) * self.row()
                    + place(1, columns) * self.channels
                    + group * outputs,
                columns: columns.count.max(1),
                row: self.row(),
                column: self.channels,
            },
            segments: segments.collect(),
            matrix: Panels::new(
                workers,
                &w[first..],
                &weights,
                inputs,
                conv.kernel[0] * conv.kernel[1],
                widest(),
            ),
            to: Lattice {
                origin: (rows.first * conv.size[1] + columns.first) * conv.inputs + group * inputs,
                columns: columns.count.max(1),
                row: conv.stride[0] * conv.size[1] * conv.inputs,
                column: conv.stride[1] * conv.inputs,
            },
            rows: rows.count * columns.count,
        }
    }
}

/// `sum` of the parts, in their order.
fn add_up(workers: &Workers, parts: &[Numbers], sum: &mut [f32]) {
    let length = sum.len().div_ceil(PIECES).max(4096);
    workers.chunks(sum, length, |piece, sum| {
        sum.fill(0.0);
        for part in parts {
            let part = &part[piece * length..][..sum.len()];
            sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
    });
}
