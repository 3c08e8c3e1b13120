//! How many calls run at a time. Throttling halves it, success grows it back: IAM's limits are those
//! of the account, shared with every other tool, and cannot be raised.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

#[derive(Debug)]
pub struct Pace {
    permits: Semaphore,
    most: usize,
    limit: AtomicUsize,
    /// Permits to withdraw as they come back.
    debt: AtomicUsize,
    /// Calls since the limit last changed.
    calm: AtomicUsize,
    throttled: AtomicBool,
    /// Tells those who wait for it.
    told: Notify,
}

/// The right to make one call.
pub struct Permit<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
}

impl Pace {
    pub fn new(most: usize) -> Self {
        Self {
            permits: Semaphore::new(most),
            most,
            limit: AtomicUsize::new(most),
            debt: AtomicUsize::new(0),
            calm: AtomicUsize::new(0),
            throttled: AtomicBool::new(false),
            told: Notify::new(),
        }
    }

    pub fn most(&self) -> usize {
        self.most
    }

    pub async fn enter(&self) -> Permit<'_> {
        Permit { pace: self, permit: self.permits.acquire().await.ok() }
    }

    /// Halves the number of calls at a time.
    pub fn throttled(&self) {
        self.throttled.store(true, Ordering::Relaxed);
        self.told.notify_one();
        self.calm.store(0, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Relaxed);
        let withdrawn = limit / 2;
        if withdrawn > 0 {
            self.limit.store(limit - withdrawn, Ordering::Relaxed);
            self.debt.fetch_add(withdrawn, Ordering::Relaxed);
        }
    }

    pub fn was_throttled(&self) -> bool {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Resolves as soon as AWS has throttled us.
    pub async fn until_throttled(&self) {
        while !self.was_throttled() {
            self.told.notified().await;
        }
    }

    fn settle(&self, permit: SemaphorePermit<'_>) {
        let owed = self.debt.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |debt| debt.checked_sub(1)).is_ok();
        if owed {
            permit.forget();
            return;
        }
        let limit = self.limit.load(Ordering::Relaxed);
        if limit < self.most && self.calm.fetch_add(1, Ordering::Relaxed) + 1 >= limit * 4 {
            self.calm.store(0, Ordering::Relaxed);
            self.limit.store(limit + 1, Ordering::Relaxed);
            self.permits.add_permits(1);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.pace.settle(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn throttling_halves_the_pace_and_calm_restores_it() {
        let pace = Pace::new(8);
        pace.throttled();
        for _ in 0..8 {
            drop(pace.enter().await);
        }
        assert_eq!(pace.permits.available_permits(), 4);
        for _ in 0..200 {
            drop(pace.enter().await);
        }
        assert_eq!(pace.permits.available_permits(), 8);
    }

    #[tokio::test]
    async fn at_least_one_call_goes_on() {
        let pace = Pace::new(3);
        for _ in 0..10 {
            pace.throttled();
            drop(pace.enter().await);
        }
        assert!(pace.permits.available_permits() >= 1);
    }
}
