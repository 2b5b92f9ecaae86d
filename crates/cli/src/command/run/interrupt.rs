//! Ctrl-C on a run: the first one cancels it as a server would, the second one kills it.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::AbortHandle,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{exit::Exit, failure::Failure, output::Printer};

/// What interrupts lead to.
#[derive(Debug)]
pub(super) struct Interrupts {
    /// Fires with the first one.
    pub(super) cancel: CancellationToken,
    /// Fires with the second one.
    pub(super) kill: CancellationToken,
    n_seen: Arc<AtomicUsize>,
}

impl Interrupts {
    pub(super) fn new() -> Self {
        Self {
            cancel: CancellationToken::new(),
            kill: CancellationToken::new(),
            n_seen: Arc::default(),
        }
    }

    /// Whether there was one.
    pub(super) fn is_any(&self) -> bool {
        self.n_seen.load(Ordering::Relaxed) > 0
    }

    /// Listens, on another thread than the one that may wait for a terminal that takes nothing.
    pub(super) fn watch(
        &self,
        printer: &Printer,
        marker: &str,
        folder: &Path,
        engine: AbortHandle,
    ) -> Result<AbortOnDropHandle<()>, Failure> {
        let mut signals = Signals::listen().map_err(|source| Failure::Io {
            what: "listen for Ctrl-C",
            source,
        })?;
        let (cancel, kill) = (self.cancel.clone(), self.kill.clone());
        let (n_seen, printer) = (Arc::clone(&self.n_seen), printer.clone());
        let (marker, folder) = (marker.to_owned(), folder.to_owned());
        let watch = tokio::spawn(async move {
            loop {
                signals.next().await;
                match n_seen.fetch_add(1, Ordering::Relaxed) {
                    0 => {
                        cancel.cancel();
                        printer.talk(
                            "cancelling; steps with always() still run; once more to kill them",
                        );
                    }
                    1 => {
                        engine.abort();
                        kill_rest(&marker).await;
                        kill.cancel();
                    }
                    // Whoever should have ended by now does not.
                    _ => {
                        // What cannot be removed now stays, and nobody is there to be told.
                        let _ = flowcd_engine::workdir::remove(&folder);
                        std::process::exit(i32::from(Exit::Interrupted as u8));
                    }
                }
            }
        });
        Ok(AbortOnDropHandle::new(watch))
    }
}

/// Kills every process of the run that is left.
pub(super) async fn kill_rest(marker: &str) {
    let marker = marker.to_owned();
    // A thread that cannot be had leaves nothing else to try.
    let _ = tokio::task::spawn_blocking(move || flowcd_engine::process::kill_marked(&marker)).await;
}

/// Ctrl-C, the request to end, and the end of the terminal.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
