//! Which vector instructions kernels use: the widest available, or the set named by [`VARIABLE`].
//!
//! Vectors of different widths round sums in a different order. For bit-identical results on two
//! machines, name a set that both have.

use std::fmt;
use std::sync::OnceLock;

use pulp::{Arch, WithSimd};

/// The environment variable that names the instruction set.
pub const VARIABLE: &str = "EVENKEEL_VECTORS";

/// Detects an instruction set on this processor.
type Detect = fn() -> Arch;

/// Instruction sets by the names that [`VARIABLE`] accepts; the first is the default.
const NAMES: [(&str, Detect); 3] = [
    ("widest", Arch::new),
    ("avx2", avx2),
    ("none", || Arch::Scalar),
];

/// [`VARIABLE`] names no known instruction set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownInstructionSet(String);

impl fmt::Display for UnknownInstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names = NAMES.map(|(name, _)| name).join(", ");
        let default = NAMES[0].0;
        write!(
            f,
            "{VARIABLE} is {:?}; set it to one of {names}, or unset it for {default}",
            self.0
        )
    }
}

impl std::error::Error for UnknownInstructionSet {}

/// AVX2, or scalar code where the processor lacks it.
fn avx2() -> Arch {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Arch::V3(simd);
    }
    Arch::Scalar
}

/// Checks the name in [`VARIABLE`]. Kernels fall back to the widest set when it is unknown, so
/// call this first to report a misspelt name.
///
/// # Errors
/// [`UnknownInstructionSet`].
pub fn check() -> Result<(), UnknownInstructionSet> {
    requested().map(|_| ())
}

fn requested() -> Result<Arch, UnknownInstructionSet> {
    by_name(std::env::var(VARIABLE).ok())
}

fn by_name(name: Option<String>) -> Result<Arch, UnknownInstructionSet> {
    let name = name.unwrap_or_else(|| NAMES[0].0.to_owned());
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, detect)| detect())
        .ok_or(UnknownInstructionSet(name))
}

/// Runs `op` with the instruction set of this process; the environment is read once.
#[inline(always)]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    let arch = ARCH.get_or_init(|| requested().unwrap_or_else(|_reported_by_check| Arch::new()));
    arch.dispatch(op)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_errors_that_list_the_known_ones() {
        for name in [None, Some("widest"), Some("avx2"), Some("none")] {
            assert!(by_name(name.map(str::to_owned)).is_ok(), "{name:?}");
        }
        let error = by_name(Some("AVX".to_owned())).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "EVENKEEL_VECTORS is \"AVX\"; set it to one of widest, avx2, none, or unset it for widest"
        );
    }
}
