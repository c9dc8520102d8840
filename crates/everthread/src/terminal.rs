//! What a person sees in a terminal beyond plain text.

pub(crate) mod progress;
pub(crate) mod quiet;
pub(crate) mod style;
pub(crate) mod wrap;
