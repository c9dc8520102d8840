//! Runs.

mod begin;
mod follow;
mod multitask;
mod recover;
mod stateless;
mod stop;
mod webhook;
