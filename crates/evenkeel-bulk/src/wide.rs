//! The one place where vector instructions are chosen.

/// What `work` returns, compiled for the widest vectors of this processor: AVX2 on x86-64 that has
/// it, NEON on 64-bit ARM, and what every processor of the target has otherwise.
///
/// No result depends on the choice. Wider vectors round lane by lane as narrow ones do, and the
/// compiler fuses no multiplication with an addition unasked. Only what is inlined into `work` is
/// compiled anew, which is why the functions below it are `inline(always)`.
#[inline(always)]
pub(crate) fn wide<T>(work: impl FnOnce() -> T) -> T {
    pulp::Arch::new().dispatch(work)
}

#[cfg(test)]
mod tests {
    use super::wide;
    use crate::constant::Constant;
    use crate::group::{LANES, advance_group};
    use crate::scheduled::Scheduled;
    use evenkeel::quantity::LearningRate;

    #[test]
    fn results_do_not_depend_on_the_width() {
        let group: [f64; LANES] = std::array::from_fn(|lane| (lane as f64 * 0.7 - 11.0).exp());
        let rate = |step: usize| LearningRate::from_ln((step as f64).sin() * 15.0);
        let (lrs, mut room): ([_; 401], _) = (std::array::from_fn(rate), [0.0; 401]);
        let many = Scheduled::new(&lrs, &mut room);
        let mut room = [0.0; 5];
        let few = Scheduled::new(&lrs[..5], &mut room);
        let constant = Constant::new(std::array::from_fn(rate), 402);

        let work = |group: &mut [f64; LANES]| {
            advance_group(group, &many);
            advance_group(group, &few);
            advance_group(group, &constant);
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
