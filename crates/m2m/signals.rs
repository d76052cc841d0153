// SPDX-License-Identifier: Apache-2.0
//! Ctrl-C and requests to terminate, heard whatever the program is doing.

use std::io;
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::PROBE_END;
use crate::error::{Error, Exit, Result};

/// Time for an orderly end after a signal. Then the program ends, whoever keeps
/// it: a reader that does not read, or a terminal that nobody types at.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hears the signals in a thread of its own from now on. The first one is passed
/// on; the second one, or the end of patience, ends the program.
///
/// A shell takes Ctrl-C itself: it ends a statement there, and not the program.
pub(crate) fn listen(is_shell: bool) -> Result<oneshot::Receiver<()>> {
    let failed = |source| Error::Io { what: "listen for signals", source };
    let (heard, hears) = oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    let listener = thread::Builder::new().name("signals".into());
    listener.spawn(move || run(is_shell, &ready, heard)).map_err(failed)?;
    let begun = is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    begun.map_err(failed)?;
    Ok(hears)
}

fn run(is_shell: bool, ready: &mpsc::Sender<io::Result<()>>, heard: oneshot::Sender<()>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        // Nobody waits for an answer that cannot be sent.
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        let signals = Signals::new(is_shell);
        let mut signals = match signals {
            Ok(signals) => signals,
            Err(error) => return drop(ready.send(Err(error))),
        };
        drop(ready.send(Ok(())));
        signals.next().await;
        // When the program is past waiting, it is about to end anyway.
        heard.send(()).ok();
        tokio::select! {
            () = signals.next() => {}
            () = async {
                tokio::time::sleep(PATIENCE).await;
                m2m_migration::check::let_probes_end(PROBE_END).await;
            } => {}
        }
        end();
    });
}

#[expect(clippy::exit, reason = "the other threads do not answer")]
fn end() -> ! {
    process::exit(Exit::Interrupted as i32)
}

/// The signals that end the program.
struct Signals {
    terminate: Signal,
    interrupt: Option<Signal>,
}

impl Signals {
    fn new(is_shell: bool) -> io::Result<Self> {
        let interrupt = if is_shell { None } else { Some(signal(SignalKind::interrupt())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt })
    }

    async fn next(&mut self) {
        match &mut self.interrupt {
            Some(interrupt) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            },
            None => drop(self.terminate.recv().await),
        }
    }
}
