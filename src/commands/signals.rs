//! Ctrl-C and SIGTERM: exit 130, at once as long as nothing was begun, and else when what was begun is finished.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::apply::Interrupt;
use crate::error::ErrorKind;

/// Whether somebody awaits a signal, to finish what was begun.
static AWAITED: AtomicBool = AtomicBool::new(false);

/// Lets either signal end the process as long as nobody awaits one. A thread of its own does, as whoever asks a question
/// does nothing else meanwhile.
pub fn end_the_process() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        // Without signals the process can only be killed, which is safe too.
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            while received(|| {}).await {
                if !AWAITED.load(Ordering::Relaxed) {
                    end();
                }
            }
        });
    });
}

fn end() -> ! {
    std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()))
}

/// Resolves at the first signal; a second one ends the process at once. The journal is safe.
pub fn interrupt<'a>() -> Interrupt<'a> {
    Box::pin(async {
        awaited().await;
        tokio::spawn(async {
            awaited().await;
            end();
        });
    })
}

/// Resolves at a signal, which then ends nothing.
pub async fn awaited() {
    if !received(|| AWAITED.store(true, Ordering::Relaxed)).await {
        std::future::pending().await
    }
}

/// Resolves at a signal: true, or false where none can be listened for. From `listening` on none is lost.
async fn received(listening: impl FnOnce()) -> bool {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return false;
    };
    listening();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    true
}
