//! OpenAI's protocol: how its requests become runs on threads, and how what runs tell becomes its answers.
//!
//! ```text
//! request ─▶ message   every spelling of a message in one form
//!         ─▶ tail      what of it the thread does not have yet, or where it was edited
//!         ─▶ place     on which thread, from which checkpoint, with what input
//!         ─▶ turn      an order like any other client's ─▶ Hub::start
//!                                                           │ frames
//! answer  ◀─ completion, response and their events ◀─ hearing ◀┘ text, reply, end
//! ```
//!
//! A conversation is a thread and its id the thread's: what is said here is read by clients of every other protocol,
//! and the other way round. A response is a run, and its id tells the thread too (see `response_id`): there is no
//! index to keep in step.

pub(crate) mod completion;
pub(crate) mod conversation;
pub(crate) mod hearing;
mod history;
pub(crate) mod input;
pub(crate) mod item;
pub(crate) mod message;
pub(crate) mod models;
mod name;
mod offer;
pub(crate) mod place;
pub(crate) mod refusal;
pub(crate) mod response;
mod response_events;
pub(crate) mod response_find;
pub(crate) mod response_id;
pub(crate) mod response_place;
pub(crate) mod response_stream;
mod side;
mod tail;
pub(crate) mod turn;
mod turns;
pub(crate) mod wire;

pub use offer::Offer;
pub(crate) use turns::Turns;

/// What the routes of this protocol share.
#[derive(Debug)]
pub(crate) struct OpenAi {
    /// What clients are offered.
    pub(crate) offer: Offer,
    /// Whose turn it is on which thread.
    pub(crate) turns: Turns,
}

/// Seconds since 1970-01-01 UTC, as this protocol tells times.
pub(crate) fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1_000)
}
