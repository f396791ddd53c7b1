//! An agent in this process, for as long as one command needs one.
//!
//! It is the same agent as `segue up`, but that it passes over libraries only when a command says so: what was asked
//! for is what is told. Other commands may speak to it meanwhile, and it may be killed. Where one runs already, that
//! one is used.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::{Options, Passes, Told, stay};
use crate::failure::Failure;
use crate::net::choice::Reach;

/// Ends with the command.
pub(super) struct Brief {
    stop: tokio::sync::mpsc::Sender<()>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
    said: Receiver<String>,
}

impl Brief {
    /// Begins it, and waits until it answers.
    pub(super) fn begin(home: &Path, reach: Option<Reach>) -> Result<Self, Failure> {
        let (stop, stops) = tokio::sync::mpsc::channel(1);
        let (tell, said) = channel();
        let (ready, is_ready) = channel();
        let passes = Passes::OnCommand;
        let options = Options { folder: Some(home.to_owned()), reach, passes };
        let thread = std::thread::spawn(move || {
            stay(options, stops, &mut |told| match told {
                Told::Serving(_) => _ = ready.send(()),
                Told::Said(sentence) => _ = tell.send(sentence.to_owned()),
            })
        });
        let mut brief = Self { stop, thread: Some(thread), said };
        match is_ready.recv() {
            Ok(()) => Ok(brief),
            Err(_) => Err(brief.end().err().unwrap_or_else(|| {
                Failure::refused("the agent ended before it answered", "try again")
            })),
        }
    }

    /// What it said since it was last asked.
    pub(super) fn said(&self) -> impl Iterator<Item = String> {
        self.said.try_iter()
    }

    fn end(&mut self) -> Result<(), Failure> {
        // One that has ended hears nothing.
        let _ = self.stop.try_send(());
        let panicked = || Failure::refused("the agent has an error", "");
        self.thread.take().map_or(Ok(()), |thread| thread.join().map_err(|_| panicked())?)
    }
}

impl Drop for Brief {
    fn drop(&mut self) {
        // What it was needed for is answered.
        let _ = self.end();
    }
}
