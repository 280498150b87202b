//! The one place where vector instructions are chosen.

/// What `work` returns, compiled for the widest vectors of this processor: AVX2 on x86-64 that has
/// it, NEON on 64-bit ARM, and what every processor of the target has otherwise.
///
/// No result depends on the choice. Wider vectors round lane by lane as narrow ones do, and the
/// compiler fuses no multiplication with an addition unasked. Only what is inlined into `work` is
/// compiled anew, which is why the functions below it are `inline(always)`.
#[inline(always)]
pub(super) fn wide<T>(work: impl FnOnce() -> T) -> T {
    pulp::Arch::new().dispatch(work)
}

#[cfg(test)]
mod tests {
    use super::super::LANES;
    use super::super::rates::{Constant, Scheduled};
    use super::super::triple::{advance, advance_singly};
    use super::wide;
    use crate::quantity::LearningRate;

    #[test]
    fn results_do_not_depend_on_the_width() {
        let group: [f64; LANES] = std::array::from_fn(|lane| (lane as f64 * 0.7 - 11.0).exp());
        let squares: Vec<f64> = (0..400).map(|step| f64::from(step).sin().abs()).collect();
        let scheduled = Scheduled {
            lrs: &[],
            squares: &squares,
            largest: 1.0,
        };
        let lrs = std::array::from_fn(|lane| LearningRate::from_ln(lane as f64 - 15.0));
        let constant = Constant::new(lrs, 400);

        let work = |group: &mut [f64; LANES]| {
            advance(group, &scheduled);
            advance(group, &constant);
            advance_singly(group, &scheduled, 0);
        };
        let (mut narrow, mut chosen) = (group, group);
        work(&mut narrow);
        wide(
            #[inline(always)]
            || work(&mut chosen),
        );
        assert_eq!(narrow.map(f64::to_bits), chosen.map(f64::to_bits));
    }
}
