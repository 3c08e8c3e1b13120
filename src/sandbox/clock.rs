//! What time it is in the sandbox.

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock that a fault may set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// The machine's.
    Wall,
    /// It stands still.
    Still(Timestamp),
    /// It showed this when the account was opened, and goes as the runtime's clock does: where that one
    /// jumps over what everybody waits for, so does this.
    Started(Timestamp, Instant),
}

impl Clock {
    pub fn new(still: Option<Timestamp>, start: Option<Timestamp>) -> Self {
        match (still, start) {
            (Some(now), _) => Self::Still(now),
            (None, Some(start)) => Self::Started(start, Instant::now()),
            (None, None) => Self::Wall,
        }
    }

    pub fn now(&self) -> Timestamp {
        match *self {
            Self::Wall => Timestamp::now(),
            Self::Still(now) => now,
            Self::Started(start, opened) => start.checked_add(opened.elapsed()).unwrap_or(Timestamp::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_started_clock_goes_with_the_runtime() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (still, started) = (Clock::new(Some(start), None), Clock::new(None, Some(start)));
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(still.now(), start);
        assert_eq!(started.now().to_string(), "2026-01-01T00:01:30Z");
    }
}
