//! The same for many, several at a time: a run of the binary mostly waits for the disk.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

const AT_A_TIME: usize = 4;

/// Does `job` with each, and fails when any failed, naming them all.
pub fn each<T: Display + Sync>(all: &[T], job: impl Fn(&T) + Sync) {
    let (next, failed) = (Mutex::new(all.iter()), Mutex::new(Vec::new()));
    let work = || {
        while let Some(one) = { next.lock().expect("no panic").next() } {
            if catch_unwind(AssertUnwindSafe(|| job(one))).is_err() {
                failed.lock().expect("no panic").push(one.to_string());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("no panic");
    assert!(!all.is_empty(), "there is nothing to do");
    assert!(failed.is_empty(), "{} of {} failed: {}", failed.len(), all.len(), failed.join(", "));
}
