//! IAM's rate limits: a bucket of tokens for the account, and one for each action that has its own.

use tokio::time::Instant;

/// So many calls a second, of one action or of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    pub action: Option<String>,
    pub per_second: f64,
}

/// A bucket holds what one second brings, at least one token.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    filled: Instant,
}

#[derive(Debug)]
pub struct Buckets(Vec<Bucket>);

impl Buckets {
    pub fn new(rates: &[Rate], now: Instant) -> Self {
        let bucket = |rate: &Rate| Bucket { rate: rate.clone(), tokens: rate.per_second.max(1.0), filled: now };
        Self(rates.iter().map(bucket).collect())
    }

    /// Takes a token of every bucket that the action is in; none when one of them is empty.
    pub fn admit(&mut self, action: &str, now: Instant) -> bool {
        let of_action = |bucket: &&mut Bucket| bucket.rate.action.as_deref().is_none_or(|own| own == action);
        let mut buckets: Vec<_> = self.0.iter_mut().filter(of_action).collect();
        for bucket in &mut buckets {
            let seconds = now.saturating_duration_since(bucket.filled).as_secs_f64();
            bucket.tokens = (bucket.tokens + seconds * bucket.rate.per_second).min(bucket.rate.per_second.max(1.0));
            bucket.filled = now;
        }
        let admitted = buckets.iter().all(|bucket| bucket.tokens >= 1.0);
        if admitted {
            buckets.iter_mut().for_each(|bucket| bucket.tokens -= 1.0);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rate(action: Option<&str>, per_second: f64) -> Rate {
        Rate { action: action.map(str::to_owned), per_second }
    }

    #[test]
    fn a_bucket_lets_a_burst_pass_and_fills_again() {
        let start = Instant::now();
        let mut buckets = Buckets::new(&[rate(None, 2.0)], start);
        assert_eq!([(); 3].map(|()| buckets.admit("GetRole", start)), [true, true, false]);
        let half = start + Duration::from_millis(500);
        assert_eq!([(); 2].map(|()| buckets.admit("ListRoles", half)), [true, false]);
        let later = start + Duration::from_secs(60);
        assert_eq!([(); 3].map(|()| buckets.admit("GetRole", later)), [true, true, false]);
    }

    #[test]
    fn an_action_has_its_own_bucket_too() {
        let start = Instant::now();
        let mut buckets = Buckets::new(&[rate(None, 3.0), rate(Some("CreateRole"), 0.5)], start);
        assert!(buckets.admit("CreateRole", start));
        // What its own bucket refuses takes nothing from the common one.
        assert!(!buckets.admit("CreateRole", start));
        assert_eq!([(); 3].map(|()| buckets.admit("GetRole", start)), [true, true, false]);
        let later = start + Duration::from_secs(1);
        assert!(!buckets.admit("CreateRole", later) && buckets.admit("GetRole", later));
        assert!(buckets.admit("CreateRole", start + Duration::from_secs(2)));
    }
}
