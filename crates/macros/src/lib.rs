//! The derive macro for the state of a conversation graph.
//!
//! It only lays out code; the rules of the channels are in `everthread-graph`.

mod field;
mod schema;
mod state;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `State` for a struct with named fields and makes its update type `<Name>Update`.
///
/// Without an attribute a field keeps the last value written; `Keyed<..>` and `List<..>` are lists. Attributes:
///
/// | attribute | means |
/// |---|---|
/// | `#[state(reducer = path)]` | `path` is a `fn(old: T, new: T) -> T` that folds writes in |
/// | `#[state(list)]` | the field's type is an alias of `Keyed<..>` or `List<..>` |
/// | `#[state(ephemeral)]` | the value is seen by the next step only |
/// | `#[state(untracked)]` | the value is never stored and lasts for one run |
/// | `#[state(default = expr)]` | the value of a new thread, instead of `Default::default()` |
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    state::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
