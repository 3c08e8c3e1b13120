//! AWS's unique ids: a prefix that names the type, and 17 letters and digits.
//!
//! They are made from the number of the write, so that a run that writes in the same order makes the
//! same ids. An object that a person wrote without an id has one that follows from its name.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bits of the part that tells objects apart; half of the range is for ids that follow from names.
const BITS: u32 = 45;
const HALF: u64 = 1 << (BITS - 1);

/// Returns the id of what the `number`-th write made.
pub fn of_write(prefix: &str, account: &str, number: u64) -> String {
    // An odd factor maps the range onto itself: no id comes twice, and neighbours look unlike.
    spell(prefix, account, number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % HALF)
}

/// Returns the id of what a person wrote under this name.
pub fn of_name(prefix: &str, account: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{prefix}/{name}").as_bytes());
    let number = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    spell(prefix, account, HALF + number % HALF)
}

fn spell(prefix: &str, account: &str, number: u64) -> String {
    let account: u64 = account.parse().unwrap_or(0);
    let digits = |number: u64, count: u32| {
        (0..count).rev().map(move |i| char::from(ALPHABET[(number >> (5 * i)) as usize % ALPHABET.len()]))
    };
    prefix.chars().chain(digits(account, 8)).chain(digits(number, BITS / 5)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_21_letters_and_digits_and_differ() {
        let ids: BTreeSet<String> = (0..5000).map(|n| of_write("AROA", "123456789012", n)).collect();
        assert_eq!(ids.len(), 5000);
        for id in ids.iter().chain([&of_name("AROA", "123456789012", "head")]) {
            assert!(id.len() == 21 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{id}");
        }
        assert_ne!(of_name("AROA", "1", "head"), of_name("AROA", "1", "launch"));
    }
}
