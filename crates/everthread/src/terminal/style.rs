//! Weight and colour, where stdout is a terminal and nobody set `NO_COLOR`.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
}

fn with(code: &str, text: &str) -> String {
    if is_on() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// What matters most.
pub(crate) fn strong(text: &str) -> String {
    with("1", text)
}

/// What matters least.
pub(crate) fn faint(text: &str) -> String {
    with("2", text)
}

/// The person's name.
pub(crate) fn person(text: &str) -> String {
    with("1;36", text)
}

/// The model's name.
pub(crate) fn machine(text: &str) -> String {
    with("1;32", text)
}
