//! From Burn's tensors to slices and back, and into the graph that gradients are computed from.

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

/// A tensor that is part of a graph.
type AutodiffTensor = FloatTensor<Tracking>;

/// A tensor of this crate's backend, in 32 bits.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// Part of a graph.
    Tracked(AutodiffTensor, FlexTensor),
    /// Part of none.
    Plain(FlexTensor),
}

impl Operand {
    /// The tensor, or none if it is another backend's, of another type, or in a graph that keeps
    /// other things than this crate knows of.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        Some(Self::as_it_lies(tensor)?.laid_out(contiguous))
    }

    /// The same in whichever layout it has.
    pub(crate) fn as_it_lies<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
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

    /// With its numbers in another layout.
    pub(crate) fn laid_out(self, layout: impl FnOnce(FlexTensor) -> FlexTensor) -> Self {
        match self {
            Self::Tracked(tracked, numbers) => Self::Tracked(tracked, layout(numbers)),
            Self::Plain(numbers) => Self::Plain(layout(numbers)),
        }
    }

    /// Its numbers.
    pub(crate) fn numbers(&self) -> &FlexTensor {
        match self {
            Self::Tracked(_, numbers) | Self::Plain(numbers) => numbers,
        }
    }
}

/// All of them, or none.
pub(crate) fn all<const N: usize>(operands: [Option<Operand>; N]) -> Option<[Operand; N]> {
    let all: Vec<Operand> = operands.into_iter().collect::<Option<_>>()?;
    all.try_into().ok()
}

pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The numbers of a tensor that is contiguous.
pub(crate) fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().unwrap_or_default()
}

/// What an operation keeps for its gradients.
pub(crate) trait Saved<const N: usize>: Clone + Send + Debug + 'static {
    /// How the gradient of the output has to lie.
    fn laid_out(&self, output: FlexTensor) -> FlexTensor {
        contiguous(output)
    }

    /// The gradient of each input that wants one, given that of the output.
    fn gradients(self, output: FlexTensor, wanted: [bool; N]) -> [Option<FlexTensor>; N];
}

/// Computes a result and makes it part of the graph if any of the inputs is.
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
        let output = ops.state.laid_out(grads.consume::<Flex>(&ops.node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = ops.state.gradients(output, wanted);
        for (parent, gradient) in ops.parents.iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
