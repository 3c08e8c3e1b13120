//! IP addresses and the ranges that they are in.

use core::net::IpAddr;

/// Says whether an address is in a range such as `203.0.113.0/24`; a range without a length is one address.
/// "IAM JSON policy elements: Condition operators": IPv4 and IPv6 never match each other.
pub(super) fn is_within(range: &str, address: &str) -> bool {
    let (base, length) = match range.split_once('/') {
        Some((base, length)) => (base, Some(length)),
        None => (range, None),
    };
    let (Ok(base), Ok(address)) = (base.parse::<IpAddr>(), address.parse::<IpAddr>()) else { return false };
    let (base, address, bits) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (u128::from(base.to_bits()), u128::from(address.to_bits()), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let length = match length {
        None => Some(bits),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok().filter(|length| *length <= bits),
        Some(_) => None,
    };
    // A shift by all bits is none that Rust makes.
    let beginning = |address: u128, length: u32| address.checked_shr(bits - length).unwrap_or(0);
    length.is_some_and(|length| beginning(base, length) == beginning(address, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses() {
        for (range, address) in [
            ("203.0.113.0/24", "203.0.113.255"),
            ("203.0.113.77/24", "203.0.113.1"),
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("0.0.0.0/0", "8.8.8.8"),
            ("::/0", "2001:db8::1"),
            ("10.0.0.0/9", "10.127.255.255"),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:ffff::1"),
            ("2001:db8::1", "2001:0db8:0:0:0:0:0:1"),
        ] {
            assert!(is_within(range, address), "{range} {address}");
        }
        for (range, address) in [
            ("203.0.113.0/24", "203.0.114.0"),
            ("10.0.0.0/9", "10.128.0.0"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "8.8.8.8"),
            ("::ffff:203.0.113.0/120", "203.0.113.1"),
            ("203.0.113.0/33", "203.0.113.0"),
            ("203.0.113.0/", "203.0.113.0"),
            ("203.0.113.0/+8", "203.0.113.0"),
            ("2001:db8::/129", "2001:db8::"),
            ("203.0.113", "203.0.113.0"),
            ("*", "203.0.113.0"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("203.0.113.0/24", "203.0.113.01"),
        ] {
            assert!(!is_within(range, address), "{range} {address}");
        }
    }
}
