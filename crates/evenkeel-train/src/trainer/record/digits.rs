//! Numbers to a few significant digits.

/// Eight significant digits: what 32-bit norms are good for, in half the bytes.
pub fn rounded(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values.map(|value| rounded_to(value, 7)).collect()
}

/// A number to so many digits behind the first.
///
/// As a whole number times or by a power of ten, both of which are exact, so that it is the one next to its decimal
/// form, which is all that is written. Outside of such powers by that form itself, which takes twenty times as long.
pub fn rounded_to(value: f64, digits: usize) -> f64 {
    let most = digits as i32 - least_decade(value);
    let by_powers = [most, most - 1].into_iter().find_map(|places| {
        let whole = shifted(value, places)?;
        (POWERS[digits]..POWERS[digits + 1])
            .contains(&whole.abs())
            .then(|| shifted(whole.round(), -places))
            .flatten()
    });
    by_powers.unwrap_or_else(|| format!("{value:.digits$e}").parse().unwrap_or(value))
}

/// The largest whole power of ten below the power of two below a number: that below the number itself is the same or the next.
fn least_decade(value: f64) -> i32 {
    let two = (value.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    // log10 2 to seven digits.
    (two * 315_653) >> 20
}

/// A number times that power of ten, if 64 bits hold the power exactly.
fn shifted(value: f64, places: i32) -> Option<f64> {
    let power = POWERS.get(places.unsigned_abs() as usize)?;
    Some(if places < 0 {
        value / power
    } else {
        value * power
    })
}

/// The powers of ten that 64 bits hold exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_numbers_are_those_next_to_their_decimal_forms() {
        let signs = [1.0, -1.0];
        let numbers =
            (-400..400).flat_map(|i| signs.map(|sign| sign * 7.123_f64.powf(f64::from(i) / 9.7)));
        let special = [
            0.0,
            -0.0,
            1.0,
            9.999_999_96,
            99_999_999.5,
            0.1,
            1e22,
            1e300,
            1e-320,
            f64::INFINITY,
        ];
        for value in numbers.chain(special) {
            for digits in [3, 7] {
                let expected: f64 = format!("{value:.digits$e}").parse().unwrap();
                assert_eq!(rounded_to(value, digits), expected, "{value} {digits}");
            }
        }
        assert!(rounded_to(f64::NAN, 7).is_nan());
    }
}
