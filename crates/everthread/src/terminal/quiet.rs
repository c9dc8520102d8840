//! While a reply is being shown, what is typed is kept for the next prompt and not shown amid the reply.

use std::io;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// Typed keys are not echoed until this is dropped.
#[derive(Debug)]
pub(crate) struct Quiet(Option<Termios>);

impl Quiet {
    /// Stops the echo, where stdin is a terminal.
    pub(crate) fn begin() -> Self {
        let Ok(before) = termios::tcgetattr(io::stdin()) else {
            return Self(None);
        };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        // A terminal that cannot be set keeps echoing; nothing else is different.
        let set = termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet);
        Self(set.ok().map(|()| before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
