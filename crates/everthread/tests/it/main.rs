//! What holds for the workspace and for the binary as a whole.

mod at_once;
mod backups;
mod bad_input;
mod binary;
mod chatting;
mod commands;
mod examples;
mod kill;
mod langgraph;
mod load;
mod readiness;
mod serving;
mod tidy;
mod two_servers;
mod upkeep;
