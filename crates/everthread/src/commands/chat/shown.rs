//! What of a reply is on the screen.

use std::io::{self, Write};

use everthread_chat::Said;

use crate::output::printable;
use crate::terminal::quiet::Quiet;
use crate::terminal::style;
use crate::terminal::wrap::Wrap;

/// A reply as it is shown.
pub(super) struct Shown {
    any: bool,
    wrap: Wrap,
    _quiet: Quiet,
}

impl Shown {
    /// Nothing yet; from here on typed keys wait for the next prompt.
    pub(super) fn begin() -> Self {
        Self {
            any: false,
            wrap: Wrap::to_terminal(),
            _quiet: Quiet::begin(),
        }
    }

    /// Shows a piece.
    pub(super) fn hear(&mut self, said: Said<'_>) {
        match said {
            Said::Text(text) => {
                let text = self.wrap.take(&printable(text));
                write(&text);
            }
            Said::Restart => {
                let rest = self.wrap.finish();
                write(&format!(
                    "{rest}\n{}\n",
                    style::faint("(another model begins anew)")
                ));
                self.wrap = Wrap::to_terminal();
            }
        }
        self.any = true;
    }

    /// Shows what is left, or the whole reply when it came in one piece.
    pub(super) fn end(&mut self, reply: &str) {
        if !self.any {
            let text = self.wrap.take(&printable(reply));
            write(&text);
        }
        let rest = self.wrap.finish();
        if self.any || !reply.is_empty() {
            write(&format!("{rest}\n\n"));
        }
    }
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that is gone ends the session at the next prompt.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
