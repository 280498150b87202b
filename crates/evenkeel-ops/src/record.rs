//! Conversions between Burn's tensors and slices, and registration of operations in the autodiff
//! graph.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;

type Tracking = Autodiff<Flex, NoCheckpointing>;

/// A tensor in an autodiff graph.
type AutodiffTensor = FloatTensor<Tracking>;

/// A 32-bit tensor on the CPU backend.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// In an autodiff graph.
    Tracked(AutodiffTensor, FlexTensor),
    /// Without gradient.
    Plain(FlexTensor),
}

impl Operand {
    /// The contiguous tensor; `None` on another backend, in another type, or in a graph with
    /// another checkpointing strategy.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        Some(Self::in_any_layout(tensor)?.with_layout(contiguous))
    }

    /// As [`Operand::of`], in any memory layout.
    pub(crate) fn in_any_layout<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        if let Ok(plain) = tensor.clone().try_into_primitive::<Flex>() {
            return Some(Self::Plain(plain));
        }
        let tracked = tensor.clone().try_into_primitive::<Tracking>().ok()?;
        let numbers = tracked.primitive().clone();
        Some(Self::Tracked(tracked, numbers))
    }

    /// Changes the layout of the numbers.
    pub(crate) fn with_layout(self, layout: impl FnOnce(FlexTensor) -> FlexTensor) -> Self {
        match self {
            Self::Tracked(tracked, numbers) => Self::Tracked(tracked, layout(numbers)),
            Self::Plain(numbers) => Self::Plain(layout(numbers)),
        }
    }

    /// The numbers.
    pub(crate) fn numbers(&self) -> &FlexTensor {
        match self {
            Self::Tracked(_, numbers) | Self::Plain(numbers) => numbers,
        }
    }
}

/// All operands, or `None` if one is missing.
pub(crate) fn all<const N: usize>(operands: [Option<Operand>; N]) -> Option<[Operand; N]> {
    let all: Vec<Operand> = operands.into_iter().collect::<Option<_>>()?;
    all.try_into().ok()
}

/// The tensor in row-major order without gaps.
pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The numbers of a contiguous 32-bit tensor.
pub(crate) fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("operands and saved tensors are contiguous and of 32 bits")
}

/// What an operation saves for its backward pass.
pub(crate) trait Saved<const N: usize>: Clone + Send + Debug + 'static {
    /// Brings the gradient of the output into the layout that the backward pass reads.
    fn with_layout(&self, output: FlexTensor) -> FlexTensor {
        contiguous(output)
    }

    /// The gradients of the requested inputs, given that of the output.
    fn gradients(self, output: FlexTensor, requested: [bool; N]) -> [Option<FlexTensor>; N];
}

/// Computes a result and adds it to the graph if any input is in one.
pub(crate) fn record<S: Saved<N>, const N: usize, const D: usize>(
    inputs: [Operand; N],
    compute: impl FnOnce([FlexTensor; N]) -> (FlexTensor, S),
) -> Tensor<D> {
    let (output, saved) = compute(inputs.each_ref().map(|input| input.numbers().clone()));
    if inputs
        .iter()
        .all(|input| matches!(input, Operand::Plain(_)))
    {
        return Tensor::from_primitive::<Flex>(output);
    }
    let nodes = inputs.map(|input| match input {
        Operand::Tracked(tensor, _) => tensor.node(),
        Operand::Plain(numbers) => AutodiffTensor::new(numbers).node(),
    });
    let step: Step<S, N> = Step(std::marker::PhantomData);
    let prepared = Backward::<Flex, N>::prepare::<NoCheckpointing>(step, nodes);
    Tensor::from_primitive::<Tracking>(match prepared.compute_bound().stateful() {
        OpsKind::Tracked(graph) => graph.finish(saved, output),
        OpsKind::UnTracked(graph) => graph.finish(output),
    })
}

struct Step<S, const N: usize>(std::marker::PhantomData<S>);

impl<S, const N: usize> Debug for Step<S, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(std::any::type_name::<S>())
    }
}

impl<S: Saved<N>, const N: usize> Backward<Flex, N> for Step<S, N> {
    type State = S;

    fn backward(self, ops: Ops<S, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let output = ops.state.with_layout(grads.consume::<Flex>(&ops.node));
        let requested = ops.parents.each_ref().map(Option::is_some);
        let gradients = ops.state.gradients(output, requested);
        for (parent, gradient) in ops.parents.iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
