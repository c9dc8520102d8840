//! How a list that was written anew came of the old one: elements that came back unchanged are kept, so that
//! remove-all followed by the last few messages stores none of them again.

use std::sync::Arc;

use super::{Identify, Keyed};
use crate::contract::Removal;
use crate::splice::{Splice, count};
use crate::state::Value;

/// Whether two elements are stored alike.
pub(super) fn same_body<T: Value, I: Identify<T>>(a: &T, b: &T) -> bool {
    match (I::element(a), I::element(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The splice from `old` to `new`. Elements of `new` that are kept become those of `old`.
pub(super) fn splice<T: Value, I: Identify<T>>(
    old: &Keyed<T, I>,
    new: &mut Keyed<T, I>,
    removal: Removal,
) -> Splice<T> {
    let mut splice = Splice::empty(old.len());
    let mut kept_until = 0;
    let mut kept = vec![false; old.len()];
    for at in 0..new.len() {
        let value = new.order[at].value.clone();
        let position = I::id(&value).and_then(|id| old.position(id));
        match position {
            Some(position)
                if position >= kept_until
                    && (Arc::ptr_eq(&old.order[position].value, &value)
                        || same_body::<T, I>(&old.order[position].value, &value)) =>
            {
                splice.keep(count(position)..count(position) + 1);
                kept[position] = true;
                kept_until = position + 1;
                if let Some(slot) = new.order.get_mut(at) {
                    slot.value = old.order[position].value.clone();
                }
            }
            _ => splice.insert(value),
        }
    }
    for (position, kept) in kept.into_iter().enumerate() {
        if !kept {
            let id = I::id(&old.order[position].value);
            let returns = id.is_some_and(|id| new.index.contains_key(id));
            let reason = if returns { Removal::Replaced } else { removal };
            splice.drop_range(count(position)..count(position) + 1, reason);
        }
    }
    splice
}
