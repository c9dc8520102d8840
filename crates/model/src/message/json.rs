//! The JSON form of a message, written by hand: compact on the way out, forgiving on the way in.
//!
//! A derived `flatten` would buffer every message once more; stores read thousands of them at a time.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Content, Message, Role};

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.role.as_str())?;
        map.serialize_entry("content", &self.content)?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        if let Some(name) = &self.name {
            map.serialize_entry("name", name)?;
        }
        if !self.tool_calls.is_empty() {
            map.serialize_entry("tool_calls", &self.tool_calls)?;
        }
        if let Some(call) = &self.tool_call_id {
            map.serialize_entry("tool_call_id", call)?;
        }
        if let Some(usage) = &self.usage_metadata {
            map.serialize_entry("usage_metadata", usage)?;
        }
        if !self.response_metadata.is_empty() {
            map.serialize_entry("response_metadata", &self.response_metadata)?;
        }
        if !self.additional_kwargs.is_empty() {
            map.serialize_entry("additional_kwargs", &self.additional_kwargs)?;
        }
        for (key, value) in &self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a message: an object with `type` and `content`, a pair of a role and a content, or text",
        )
    }

    /// Bare text is what a person says, as LangChain has it.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Message, E> {
        Ok(Message::human(text.to_owned()))
    }

    /// A role and a content, as in `["ai", "Hello"]`.
    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Message, A::Error> {
        let short = |len| de::Error::invalid_length(len, &"a pair of a role and a content");
        let role: String = pair.next_element()?.ok_or_else(|| short(0))?;
        let content: Content = pair.next_element()?.ok_or_else(|| short(1))?;
        match pair.next_element::<de::IgnoredAny>()? {
            Some(_) => Err(short(3)),
            None => Ok(Message::new(parse_role::<A::Error>(&role)?, content)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
        let mut message = Message::new(Role::Human, String::new());
        let mut role = None;
        let mut said_as = None;
        let mut content = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => role = Some(parse_role::<A::Error>(&map.next_value::<String>()?)?),
                // OpenAI's spelling; LangChain's own `role` extra only stands beside `type`.
                "role" => said_as = Some(map.next_value::<serde_json::Value>()?),
                "content" => content = Some(map.next_value::<Option<Content>>()?),
                "id" => message.id = map.next_value()?,
                "name" => message.name = map.next_value()?,
                "tool_calls" => message.tool_calls = or_empty(&mut map)?,
                "tool_call_id" => message.tool_call_id = map.next_value()?,
                "usage_metadata" => message.usage_metadata = map.next_value()?,
                "response_metadata" => message.response_metadata = or_empty(&mut map)?,
                "additional_kwargs" => message.additional_kwargs = or_empty(&mut map)?,
                _ => {
                    message.extra.insert(key, map.next_value()?);
                }
            }
        }
        message.content = content
            .ok_or_else(|| de::Error::missing_field("content"))?
            .unwrap_or_default();
        message.role = match (role, said_as) {
            (Some(role), None) => role,
            (Some(role), Some(other)) => {
                message.extra.insert("role".to_owned(), other);
                role
            }
            (None, Some(serde_json::Value::String(name))) => parse_role::<A::Error>(&name)?,
            (None, _) => return Err(de::Error::missing_field("type")),
        };
        Ok(message)
    }
}

fn or_empty<'de, A, T>(map: &mut A) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(map.next_value::<Option<T>>()?.unwrap_or_default())
}

fn parse_role<E: de::Error>(name: &str) -> Result<Role, E> {
    Role::parse(name).ok_or_else(|| {
        E::unknown_variant(
            name,
            &["user", "assistant", "system", "tool", "human", "ai"],
        )
    })
}
