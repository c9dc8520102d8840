//! Typed state: a struct of channels, each with a rule for how it takes updates.
//!
//! `#[derive(State)]` implements [`State`] and makes the update type; the rules themselves are the
//! [`Channel`]s of this module. What the state means, and where it is kept, is left to others.

mod channel;
mod ephemeral;
mod last;
mod list_json;
mod reducer;
mod step;
mod untracked;

use std::fmt;

pub(crate) use channel::same;
pub use channel::{Channel, ChannelInfo, ChannelKind, Value};
pub use ephemeral::Ephemeral;
pub use last::Last;
pub(crate) use list_json::overwrite_of;
pub use reducer::{Overwrite, Reduce, Reduced, Reducer};
pub use step::Step;
pub use untracked::Untracked;

use crate::contract::{ChannelChange, ChannelValue, Json};
use crate::error::Error;

/// The channels of a graph, as one struct. Implemented by `#[derive(State)]`.
///
/// ```
/// use everthread_graph::{Keyed, List, State};
///
/// fn add(old: u64, new: u64) -> u64 {
///     old + new
/// }
///
/// #[derive(State)]
/// struct Notes {
///     /// Elements are appended.
///     lines: List<String>,
///     /// The last value wins.
///     title: Option<String>,
///     /// Values are added up.
///     #[state(reducer = add)]
///     words: u64,
/// }
///
/// let update = Notes::update().lines("one two".to_owned()).words(2);
/// let mut notes = Notes::initial();
/// notes.apply(update, &mut everthread_graph::Step::detached())?;
/// assert_eq!((notes.lines.len(), notes.words, notes.title), (1, 2, None));
/// # Ok::<(), everthread_graph::Error>(())
/// ```
pub trait State: Sized + Send + Sync + 'static {
    /// A partial change of the state.
    type Update: Update;

    /// The channels, in the order of the fields.
    const CHANNELS: &'static [ChannelInfo];

    /// The state of a thread on which nothing has happened: every channel at its default.
    fn initial() -> Self;

    /// A copy, which shares what is shared (lists cost no more than a pointer).
    fn fork(&self) -> Self;

    /// Takes an update, channel by channel.
    ///
    /// # Errors
    /// `InvalidUpdate` when a channel cannot take what is written to it. The state is then to be thrown away.
    fn apply(&mut self, update: Self::Update, step: &mut Step<'_>) -> Result<(), Error>;

    /// Ends a step: empties ephemeral channels that were not written, and, when `changes` is given, tells what
    /// is different from `base`.
    ///
    /// # Errors
    /// `InvalidUpdate` when a value has no JSON form.
    fn settle(
        &mut self,
        base: &Self,
        step: &Step<'_>,
        changes: Option<&mut Vec<ChannelChange>>,
    ) -> Result<(), Error>;

    /// Sets a channel to what was stored; `false` when the state has no such channel or does not keep it.
    ///
    /// # Errors
    /// `Corrupt`, naming the channel, when what was stored does not have the channel's form.
    fn load(&mut self, channel: &str, stored: &ChannelValue) -> Result<bool, Error>;

    /// Sets untracked channels to their defaults, as at the start of a run.
    fn reset_untracked(&mut self);

    /// The update that makes this state of `base`; reducer channels are overwritten.
    fn diff(&self, base: &Self) -> Self::Update;

    /// The state as a JSON object, untracked channels left out.
    ///
    /// # Errors
    /// `InvalidUpdate` when a value has no JSON form.
    fn to_json(&self) -> Result<Json, Error>;
}

/// A partial change of a state, made by `#[derive(State)]`.
pub trait Update: Default + Clone + Send + Sync + fmt::Debug + 'static {
    /// Adds what another update writes, as though it had been written later.
    fn merge(&mut self, later: Self);

    /// Gives ids to new elements that have none.
    fn prepare(&mut self, id: &mut dyn FnMut() -> String);

    /// Whether nothing is written.
    fn is_empty(&self) -> bool;

    /// The update as a JSON object that holds the written channels only.
    ///
    /// # Errors
    /// `InvalidUpdate` when a value has no JSON form.
    fn to_json(&self) -> Result<Json, Error>;

    /// Reads an update from a JSON object; keys that are no channels are passed over.
    ///
    /// # Errors
    /// `InvalidInput`, naming the channel, when a value does not have the channel's form.
    fn from_json(json: &Json) -> Result<Self, Error>;
}
