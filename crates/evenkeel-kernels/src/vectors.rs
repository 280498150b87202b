//! Which vector instructions the kernels use: the widest that there are, or those that [`VARIABLE`] names.
//!
//! Sums over vectors of another length are rounded in another order. Who wants the same bits on two machines
//! names what both have.

use std::fmt;
use std::sync::OnceLock;

use pulp::{Arch, WithSimd};

/// The environment variable that names them.
pub const VARIABLE: &str = "EVENKEEL_VECTORS";

/// Finds out whether the processor has them.
type Detect = fn() -> Arch;

/// Vectors by the names that they have in [`VARIABLE`].
const NAMES: [(&str, Detect); 3] = [
    ("widest", Arch::new),
    ("avx2", avx2),
    ("none", || Arch::Scalar),
];

/// A name that is none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVectors(String);

impl fmt::Display for UnknownVectors {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names = NAMES.map(|(name, _)| name).join(", ");
        write!(
            f,
            "{VARIABLE} is {:?}; it can be one of {names}, or not set, which is the first of them",
            self.0
        )
    }
}

impl std::error::Error for UnknownVectors {}

/// Eight numbers at a time where the processor does that, and one otherwise.
fn avx2() -> Arch {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Arch::V3(simd);
    }
    Arch::Scalar
}

/// Looks the name up.
///
/// # Errors
/// [`UnknownVectors`].
pub fn check() -> Result<(), UnknownVectors> {
    asked_for().map(|_| ())
}

fn asked_for() -> Result<Arch, UnknownVectors> {
    named(std::env::var(VARIABLE).ok())
}

fn named(name: Option<String>) -> Result<Arch, UnknownVectors> {
    let name = name.unwrap_or_else(|| NAMES[0].0.to_owned());
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, arch)| arch()).ok_or(UnknownVectors(name))
}

/// Does it with the vectors that are named, the same for the whole of the process.
#[inline(always)]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    let arch = ARCH.get_or_init(|| asked_for().unwrap_or_default());
    arch.dispatch(op)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_others_are_said_to_be_unknown() {
        for name in [None, Some("widest"), Some("avx2"), Some("none")] {
            assert!(named(name.map(str::to_owned)).is_ok(), "{name:?}");
        }
        let error = named(Some("AVX".to_owned())).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "EVENKEEL_VECTORS is \"AVX\"; it can be one of widest, avx2, none, or not set, which is the first of them"
        );
    }
}
