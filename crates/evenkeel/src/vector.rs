//! Three directions are enough for a step: the weight, the buffer, the fresh gradient.
//!
//! Among gradients that are uncorrelated with everything before them, a step happens in the space
//! spanned by the weight `w`, the part of the momentum buffer across `w`, and the gradient, which
//! is perpendicular to both. Working with the vectors themselves keeps `‖w′‖² ≥ 0` and
//! `⟨w,m⟩² ≤ ‖w‖²‖m‖²` whatever the rounding, which recurrences of their products do not.

/// Components along the weight, along the buffer's part across the weight, and along the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Vector([f64; 3]);

/// Beyond this, components saturate: far above any ELR met, and low enough that sums stay finite.
const LARGEST: f64 = 1e307;

impl Vector {
    pub(crate) fn new(weight: f64, buffer: f64, gradient: f64) -> Self {
        Self([weight, buffer, gradient].map(|x| x.clamp(-LARGEST, LARGEST)))
    }

    pub(crate) fn along(self) -> f64 {
        self.0[0]
    }

    /// The length of the part across the first axis.
    pub(crate) fn across(self) -> f64 {
        self.0[1].hypot(self.0[2])
    }

    pub(crate) fn norm(self) -> f64 {
        self.0[0].hypot(self.across())
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        let [a, b, c] = self.0.map(|x| x * factor);
        Self::new(a, b, c)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self::new(a + x, b + y, c + z)
    }

    /// The direction, or zero where there is none.
    pub(crate) fn unit(self) -> Self {
        let norm = self.norm();
        if norm > 0.0 {
            Self(self.0.map(|x| x / norm))
        } else {
            Self::default()
        }
    }

    /// The same vector seen from a new first axis, a unit vector: along it, across it, and nothing
    /// along the next gradient, which is perpendicular to all that went before.
    pub(crate) fn seen_from(self, axis: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.unit().0, axis.0);
        let dot = a * x + b * y + c * z;
        let cross = Self([b * z - c * y, c * x - a * z, a * y - b * x]);
        Self::new(dot, cross.norm(), 0.0).times(self.norm())
    }
}
