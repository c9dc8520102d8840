//! What a model says while it speaks, and who listens.

/// One event of a reply that is being generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// The next piece of text; never empty, never half a character.
    Text(&'a str),
    /// What was said so far is void: the model failed and the reply begins anew. Whoever showed text takes
    /// it back. Only a fallback chain that was told to restart says this.
    Restart,
}

/// Hears a reply as it is generated.
///
/// It is called on the task that awaits the reply and must not block: hand the text on and return. Any
/// `FnMut(Delta<'_>) + Send` is a sink; [`Silent`] hears nothing.
pub trait TokenSink: Send {
    /// Hears the next event.
    fn on_delta(&mut self, delta: Delta<'_>);
}

impl<F: FnMut(Delta<'_>) + Send> TokenSink for F {
    fn on_delta(&mut self, delta: Delta<'_>) {
        self(delta);
    }
}

/// The sink that hears nothing, for callers who only want the whole reply.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl TokenSink for Silent {
    fn on_delta(&mut self, _: Delta<'_>) {}
}
