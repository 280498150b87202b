//! The gradients that a step applies: averaged over batches, clipped to a norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Shrinks gradients so that the norm of all of them together is at most `limit`, and returns that
/// norm as it was. Gradients that are not finite stay as they are.
pub(super) fn clip<M: Module>(
    module: &M,
    gradients: GradientsParams,
    limit: f64,
) -> GradientsParams {
    let mut squares = Squares {
        gradients: &gradients,
        sum: 0.0,
    };
    module.visit(&mut squares);
    let norm = squares.sum.sqrt();
    if !norm.is_finite() || norm <= limit {
        return gradients;
    }
    let mut scaled = Scaled {
        gradients,
        factor: limit / norm,
    };
    module.visit(&mut scaled);
    scaled.gradients
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sum += gradient.powi_scalar(2).sum().into_scalar::<f64>();
        }
    }
}

struct Scaled {
    gradients: GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scaled {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients
                .register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}
