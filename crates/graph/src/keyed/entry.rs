//! How an element of a keyed list is told apart, and how it is split into id and body.

use std::sync::Arc;

use super::body;
use crate::contract::{Element, Json};
use crate::state::Value;

/// An element that knows its id. For a type of another crate implement [`Identify`] for a marker of your own.
///
/// Its serde form must be a JSON object whose field `id` is the id; the rest of the object is the body.
pub trait Entry: Value {
    /// The id; `None` while nobody has given it one.
    fn id(&self) -> Option<&str>;
    /// Gives it an id.
    fn set_id(&mut self, id: String);
}

/// How elements of type `T` are told apart.
///
/// ```
/// # mod elsewhere {
/// #     #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// #     pub struct Message { pub id: Option<String>, pub content: String }
/// # }
/// use elsewhere::Message;
/// use everthread_graph::{Identify, Keyed};
///
/// pub struct MessageIds;
///
/// impl Identify<Message> for MessageIds {
///     fn id(message: &Message) -> Option<&str> {
///         message.id.as_deref()
///     }
///     fn set_id(message: &mut Message, id: String) {
///         message.id = Some(id);
///     }
/// }
///
/// pub type Messages = Keyed<Message, MessageIds>;
/// # assert!(Messages::new().is_empty());
/// ```
pub trait Identify<T: Value>: 'static {
    /// The id; `None` while nobody has given it one.
    fn id(value: &T) -> Option<&str>;
    /// Gives it an id.
    fn set_id(value: &mut T, id: String);

    /// The element as it is stored: its JSON without the field `id`.
    ///
    /// # Errors
    /// When its JSON is no object.
    fn element(value: &T) -> serde_json::Result<Element> {
        Ok(Element {
            id: Self::id(value).map(Arc::from),
            body: Json::trusted(&body::without_id(value)?),
        })
    }

    /// The element of what was stored.
    ///
    /// # Errors
    /// When the body does not have the form of `T`.
    fn value(element: &Element) -> serde_json::Result<T> {
        body::with_id(element.id.as_deref(), element.body.as_str())
    }
}

/// Elements that know their ids themselves: every [`Entry`].
#[derive(Debug, Clone, Copy)]
pub struct ById;

impl<T: Entry> Identify<T> for ById {
    fn id(value: &T) -> Option<&str> {
        value.id()
    }

    fn set_id(value: &mut T, id: String) {
        value.set_id(id);
    }
}
