//! What holds for the workspace and for the binary as a whole.

mod at_once;
mod bad_input;
mod binary;
mod commands;
mod kill;
mod tidy;
