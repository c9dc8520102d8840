//! Progress of long work: a bar on a terminal, nothing where nobody looks.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of bytes.
pub(crate) fn of_bytes(what: &str, total: u64) -> ProgressBar {
    bar(
        what,
        total,
        "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )
}

/// A bar of steps.
pub(crate) fn of_steps(what: &str, total: u64) -> ProgressBar {
    bar(what, total, "{msg} {wide_bar} {pos}/{len} {eta}")
}

fn bar(what: &str, total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what.to_owned())
}
