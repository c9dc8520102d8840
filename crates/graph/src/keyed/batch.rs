//! The reducer: one batch of edits on a list.
//!
//! The rules are those of LangGraph's `add_messages`: an id that is known (in the list, or earlier in the batch)
//! is replaced in place, also after it was removed in the batch; removals happen at the end; removing an unknown
//! id is an error. It differs in one thing: after remove-all the rest of the batch follows the same rules, where
//! LangGraph takes it verbatim and can leave doubled ids and literal removals in the list.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Edit, Edits, Identify, Keyed, Slot, rebuild};
use crate::contract::Removal;
use crate::error::{Error, ErrorKind};
use crate::ids::Mint;
use crate::splice::{Splice, count};
use crate::state::Value;

/// Above so many removed stretches the order is built anew instead of cut.
const MAX_CUTS: usize = 32;

struct Batch<T> {
    replaced: BTreeMap<usize, Arc<T>>,
    removed: BTreeSet<usize>,
    fresh: Vec<Fresh<T>>,
    fresh_at: HashMap<Arc<str>, usize>,
}

struct Fresh<T> {
    id: Arc<str>,
    value: Arc<T>,
    removed: bool,
}

impl<T: Value, I: Identify<T>> Keyed<T, I> {
    /// Applies a batch, and notes how the list changed when `record` is set.
    pub(super) fn edit(
        &mut self,
        edits: Edits<T>,
        mint: &Mint,
        removal: Removal,
        record: bool,
    ) -> Result<(), Error> {
        let mut edits = edits.0;
        let cleared = edits
            .iter()
            .rposition(|edit| matches!(edit, Edit::RemoveAll));
        let Some(cleared) = cleared else {
            let batch = self.batch(edits, mint, record)?;
            self.commit(batch, removal, record);
            return Ok(());
        };
        let rest = edits.split_off(cleared + 1);
        let mut new = Self::default();
        let batch = new.batch(rest, mint, false)?;
        new.commit(batch, removal, false);
        if record {
            self.note(rebuild::splice::<T, I>(self, &mut new, removal));
        }
        new.journal = self.journal.take();
        *self = new;
        Ok(())
    }

    fn batch(&self, edits: Vec<Edit<T>>, mint: &Mint, record: bool) -> Result<Batch<T>, Error> {
        let mut batch = Batch {
            replaced: BTreeMap::new(),
            removed: BTreeSet::new(),
            fresh: Vec::with_capacity(edits.len()),
            fresh_at: HashMap::new(),
        };
        for edit in edits {
            match edit {
                Edit::Put(value) => self.put(&mut batch, value, mint, record),
                Edit::Remove(id) => self.remove(&mut batch, &id)?,
                Edit::RemoveAll => {}
            }
        }
        Ok(batch)
    }

    fn put(&self, batch: &mut Batch<T>, mut value: Arc<T>, mint: &Mint, record: bool) {
        if I::id(&value).is_none() {
            I::set_id(Arc::make_mut(&mut value), mint.element());
        }
        let id = I::id(&value).unwrap_or_default();
        if let Some(fresh) = batch.fresh_at.get(id).map(|at| &mut batch.fresh[*at]) {
            fresh.value = value;
            fresh.removed = false;
        } else if let Some(position) = self.position(id) {
            batch.removed.remove(&position);
            let old = &self.order[position].value;
            if Arc::ptr_eq(old, &value) || record && rebuild::same_body::<T, I>(old, &value) {
                batch.replaced.remove(&position);
            } else {
                batch.replaced.insert(position, value);
            }
        } else {
            let id: Arc<str> = id.into();
            batch.fresh_at.insert(id.clone(), batch.fresh.len());
            batch.fresh.push(Fresh {
                id,
                value,
                removed: false,
            });
        }
    }

    fn remove(&self, batch: &mut Batch<T>, id: &str) -> Result<(), Error> {
        if let Some(at) = batch.fresh_at.get(id) {
            batch.fresh[*at].removed = true;
            return Ok(());
        }
        let Some(position) = self.position(id) else {
            return Err(Error::new(
                ErrorKind::InvalidUpdate,
                format!("there is no element with the id {id:?} to remove"),
            ));
        };
        batch.removed.insert(position);
        if self.index.len() < self.order.len() {
            // Doubled ids come only from stores that were written by others: all of them go.
            let doubles = self.iter().enumerate();
            let doubles = doubles.filter(|(_, value)| I::id(value) == Some(id));
            batch.removed.extend(doubles.map(|(position, _)| position));
        }
        Ok(())
    }

    fn commit(&mut self, mut batch: Batch<T>, removal: Removal, record: bool) {
        let base_len = self.len();
        batch.fresh.retain(|fresh| !fresh.removed);
        batch
            .replaced
            .retain(|position, _| !batch.removed.contains(position));
        if record {
            self.note(splice(base_len, &batch, removal));
        }
        for (position, value) in batch.replaced {
            let seq = self.order[position].seq;
            self.order.set(position, Slot { seq, value });
        }
        if !batch.removed.is_empty() {
            self.cut(&batch.removed);
        }
        for fresh in batch.fresh {
            self.push(fresh.id, fresh.value);
        }
    }

    fn cut(&mut self, removed: &BTreeSet<usize>) {
        for position in removed {
            if let Some(id) = I::id(&self.order[*position].value) {
                self.index.remove(id);
            }
        }
        let mut stretches: Vec<std::ops::Range<usize>> = Vec::new();
        for &position in removed {
            match stretches.last_mut() {
                Some(last) if last.end == position => last.end += 1,
                _ => stretches.push(position..position + 1),
            }
        }
        if stretches.len() > MAX_CUTS {
            let kept = self.order.iter().enumerate();
            let kept = kept.filter(|(position, _)| !removed.contains(position));
            self.order = kept.map(|(_, slot)| slot.clone()).collect();
            return;
        }
        for stretch in stretches.into_iter().rev() {
            let rest = self.order.split_off(stretch.end);
            self.order.truncate(stretch.start);
            self.order.append(rest);
        }
    }
}

fn splice<T>(base_len: usize, batch: &Batch<T>, removal: Removal) -> Splice<T> {
    if batch.replaced.is_empty() && batch.removed.is_empty() {
        let fresh = batch.fresh.iter().map(|fresh| fresh.value.clone());
        return Splice::append(base_len, fresh.collect());
    }
    let mut splice = Splice::empty(base_len);
    let mut touched: Vec<usize> = batch.removed.iter().copied().collect();
    touched.extend(batch.replaced.keys());
    touched.sort_unstable();
    let mut next = 0;
    for position in touched {
        splice.keep(next..count(position));
        next = count(position) + 1;
        if let Some(value) = batch.replaced.get(&position) {
            splice.insert(value.clone());
            splice.drop_range(count(position)..next, Removal::Replaced);
        } else {
            splice.drop_range(count(position)..next, removal);
        }
    }
    splice.keep(next..count(base_len));
    for fresh in &batch.fresh {
        splice.insert(fresh.value.clone());
    }
    splice
}
