//! Ctrl-C and SIGTERM: exit 130, at once as long as nothing was begun, and else when what was begun is finished.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::apply::Interrupt;
use crate::error::ErrorKind;

/// Whether somebody awaits a signal, to finish what was begun.
static AWAITED: AtomicBool = AtomicBool::new(false);

/// From here on either signal ends the process as long as nobody awaits one. A thread of its own listens, as whoever asks a
/// question does nothing else meanwhile.
pub fn end_the_process() {
    let (listening, is_listening) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        // Without signals the process can only be killed, which is safe too.
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Some(mut either) = Either::listen() else { return };
            // Nobody listens to a main thread that is gone.
            let _ = listening.send(());
            loop {
                either.comes().await;
                if !AWAITED.load(Ordering::Relaxed) {
                    end();
                }
            }
        });
    });
    // An end of the channel says the same.
    let _ = is_listening.recv();
}

/// Resolves at the first signal that comes from now on; a second one ends the process at once. The journal is safe.
pub fn interrupt<'a>() -> Interrupt<'a> {
    let first = awaited();
    Box::pin(async {
        first.await;
        let second = awaited();
        tokio::spawn(async {
            second.await;
            end();
        });
    })
}

/// Resolves at the first signal that comes from now on; it ends nothing.
pub fn awaited() -> impl Future<Output = ()> {
    let either = Either::listen();
    AWAITED.store(either.is_some(), Ordering::Relaxed);
    async {
        match either {
            Some(mut either) => either.comes().await,
            None => std::future::pending().await,
        }
    }
}

fn end() -> ! {
    std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()))
}

/// Ears for both signals.
struct Either {
    interrupt: Signal,
    terminate: Signal,
}

impl Either {
    fn listen() -> Option<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?);
        Some(Self { interrupt, terminate })
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
