//! Chance that can be repeated: what befalls a call follows from the seed and the number of the call.

/// What is drawn for: two draws for one call are independent.
#[derive(Clone, Copy, Debug)]
pub enum Draw {
    Fate,
    Status,
    Place,
    Staleness,
}

/// Draws a number from 0 to 1, 1 excluded.
pub fn draw(seed: u64, call: u64, of: Draw) -> f64 {
    let mixed = mix(mix(mix(seed) ^ call) ^ of as u64);
    // The 53 bits that a float holds.
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64's step: neighbours become strangers.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_spread() {
        let all = |seed| (1..=1000).map(|call| draw(seed, call, Draw::Fate)).collect::<Vec<_>>();
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
        assert_ne!(draw(7, 1, Draw::Fate), draw(7, 1, Draw::Place));
        for seed in 0..5 {
            let tenth = all(seed).iter().filter(|number| **number < 0.1).count();
            assert!((70..130).contains(&tenth), "{tenth} of 1000 are below 0.1");
            assert!(all(seed).iter().all(|number| (0.0..1.0).contains(number)));
        }
    }
}
