//! The keyed list as a channel of a state, and its JSON forms.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Edit, Edits, Identify, Keyed, rebuild};
use crate::contract::{Change, ChannelValue};
use crate::error::Error;
use crate::state::{Channel, ChannelKind, Step, Value};

/// LangChain's name for "every message" in a removal.
const REMOVE_ALL: &str = "__remove_all__";

impl<T: Value, I: Identify<T>> Channel for Keyed<T, I> {
    const KIND: ChannelKind = ChannelKind::Keyed;
    type Value = Self;
    type Write = Edits<T>;

    fn merge(earlier: &mut Edits<T>, later: Edits<T>) {
        earlier.0.extend(later.0);
    }

    fn prepare(write: &mut Edits<T>, id: &mut dyn FnMut() -> String) {
        for edit in &mut write.0 {
            if let Edit::Put(value) = edit
                && I::id(value).is_none()
            {
                I::set_id(Arc::make_mut(value), id());
            }
        }
    }

    fn apply(
        value: &mut Self,
        write: Edits<T>,
        step: &mut Step<'_>,
        (at, name): (usize, &'static str),
    ) -> Result<(), Error> {
        step.mark_written(at);
        value
            .edit(write, step.mint, step.removal, step.record)
            .map_err(|error| Error::new(error.kind(), format!("channel {name:?}: {error}")))
    }

    fn settle(
        value: &mut Self,
        _base: &Self,
        _written: bool,
        record: bool,
    ) -> serde_json::Result<Option<Change>> {
        match value.journal.take() {
            Some(journal) if record && !journal.is_nothing() => {
                let delta = Arc::unwrap_or_clone(journal).into_delta(|value| I::element(value))?;
                Ok(Some(Change::List(delta)))
            }
            _ => Ok(None),
        }
    }

    fn load(stored: &ChannelValue) -> serde_json::Result<Option<Self>> {
        let mut list = Self::default();
        match stored {
            ChannelValue::List(elements) => {
                for element in elements {
                    let value = I::value(element)?;
                    let id = element.id.clone();
                    list.push(id.unwrap_or_else(|| "".into()), Arc::new(value));
                }
            }
            ChannelValue::Value(_) => {
                return Err(serde::de::Error::custom("a value is stored, not a list"));
            }
        }
        Ok(Some(list))
    }

    fn diff(value: &Self, base: &Self) -> Option<Edits<T>> {
        if value.order.ptr_eq(&base.order) {
            return None;
        }
        let mut edits = Vec::new();
        for gone in base.iter().filter_map(|old| I::id(old)) {
            if !value.index.contains_key(gone) {
                edits.push(Edit::remove(gone));
            }
        }
        for new in value.iter() {
            let old = I::id(new).and_then(|id| base.get(id));
            if !old.is_some_and(|old| Arc::ptr_eq(old, new) || rebuild::same_body::<T, I>(old, new))
            {
                edits.push(Edit::Put(new.clone()));
            }
        }
        (!edits.is_empty()).then_some(Edits(edits))
    }

    fn show(value: &Self) -> serde_json::Result<Option<String>> {
        let mut text = String::from("[");
        for (at, value) in value.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(&**value)?);
        }
        text.push(']');
        Ok(Some(text))
    }

    fn write_to_json(write: &Edits<T>) -> serde_json::Result<String> {
        let mut texts = Vec::with_capacity(write.0.len());
        for edit in &write.0 {
            texts.push(match edit {
                Edit::Put(value) => serde_json::to_string(&**value)?,
                Edit::Remove(id) => removal(id)?,
                Edit::RemoveAll => removal(REMOVE_ALL)?,
            });
        }
        Ok(format!("[{}]", texts.join(",")))
    }

    fn write_from_json(json: &str) -> serde_json::Result<Edits<T>> {
        let one = |text: &str| match removed_id(text) {
            Some(id) if id == REMOVE_ALL => Ok(Edit::RemoveAll),
            Some(id) => Ok(Edit::Remove(id)),
            None => serde_json::from_str::<T>(text).map(Edit::put),
        };
        if json.trim_start().starts_with('[') {
            let all: Vec<&RawValue> = serde_json::from_str(json)?;
            return all.into_iter().map(|text| one(text.get())).collect();
        }
        Ok(Edits(vec![one(json)?]))
    }
}

fn removal(id: &str) -> serde_json::Result<String> {
    Ok(format!(
        r#"{{"type":"remove","id":{}}}"#,
        serde_json::to_string(id)?
    ))
}

/// The id in LangChain's removal `{"type": "remove", "id": …}`; `None` for any other element.
fn removed_id(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Form {
        r#type: String,
        id: String,
    }
    if !json.contains("\"remove\"") {
        return None;
    }
    let form: Form = serde_json::from_str(json).ok()?;
    (form.r#type == "remove").then_some(form.id)
}
