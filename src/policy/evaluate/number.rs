//! Numbers of any size, compared as they are written: a float would take two large ones for one.

use std::cmp::Ordering;

/// A number: the sign, and `0.DIGITS` times ten to the power of `exponent`.
struct Decimal<'a> {
    negative: bool,
    /// Before and after the point; no zero at the beginning nor at the end.
    digits: [&'a [u8]; 2],
    exponent: i64,
}

/// Compares two numbers; `None` when one of them is none.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Decimal::parse(a)?, Decimal::parse(b)?);
    Some(match (a.negative, b.negative) {
        (false, false) => a.size(&b),
        (true, true) => b.size(&a),
        (a_negative, b_negative) => b_negative.cmp(&a_negative),
    })
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, i64::from(power.parse::<i32>().ok()?)),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (mut whole, mut fraction) = (trimmed_start(whole.as_bytes()), trimmed_end(fraction.as_bytes()));
        let mut exponent = power + whole.len() as i64;
        if whole.is_empty() {
            let significant = trimmed_start(fraction);
            exponent -= (fraction.len() - significant.len()) as i64;
            fraction = significant;
        }
        if fraction.is_empty() {
            whole = trimmed_end(whole);
        }
        let is_zero = whole.is_empty() && fraction.is_empty();
        let negative = mantissa.starts_with('-') && !is_zero;
        Some(Self { negative, digits: [whole, fraction], exponent: if is_zero { i64::MIN } else { exponent } })
    }

    /// Compares without the signs.
    fn size(&self, other: &Self) -> Ordering {
        let digits = |of: &Self| of.digits.into_iter().flatten().copied().collect::<Vec<u8>>();
        self.exponent.cmp(&other.exponent).then_with(|| digits(self).cmp(&digits(other)))
    }
}

fn trimmed_start(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|digit| **digit == b'0').count()..]
}

fn trimmed_end(digits: &[u8]) -> &[u8] {
    &digits[..digits.len() - digits.iter().rev().take_while(|digit| **digit == b'0').count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count() {
        for (a, b) in [
            ("10", "010"),
            ("10", "10.0"),
            ("10", "1e1"),
            ("0", "-0.00"),
            ("0", "0e9"),
            ("+1.50", "1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0.05", "5E-2"),
            ("100", "1e+2"),
        ] {
            assert_eq!(compare(a, b), Some(Ordering::Equal), "{a} {b}");
        }
    }

    #[test]
    fn order_is_that_of_numbers() {
        let ordered =
            ["-1e400", "-10", "-9.5", "-9", "-0.1", "0", "0.001", "0.01", "9", "9.5", "10", "9007199254740992"];
        let ordered =
            ordered.into_iter().chain(["9007199254740993", "9007199254740993.1", "1e400"]).collect::<Vec<_>>();
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a, b), Some(i.cmp(&j)), "{a} {b}");
            }
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in
            ["", "-", ".", "1a", "0x10", " 1", "1 ", "1,5", "NaN", "inf", "1e", "1e99999999999", "1.2.3", "--1", "١"]
        {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn small_numbers_compare_as_floats_do(a in -1000_i32..1000, b in -1000_i32..1000, scale in 0_i32..4) {
            let text = |n: i32| format!("{}e-{scale}", n);
            let plain = |n: i32| f64::from(n) / 10_f64.powi(scale);
            proptest::prop_assert_eq!(compare(&text(a), &text(b)), Some(a.cmp(&b)));
            proptest::prop_assert_eq!(compare(&plain(a).to_string(), &text(b)), Some(a.cmp(&b)));
        }
    }
}
