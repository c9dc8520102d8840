//! How a list lies at rest: one small JSON document for each change.
//!
//! A short list is written out (`{"live":"11-14","all":"1-14"}`; `all` is left out when both are the same). A list
//! with many breaks is written as edits of its predecessor (`{"on":812,"chain":[3,180],"live":[[5,1,"97"]]}`: at
//! position 5 one leaves and 97 comes) until the edits since the last full one weigh as much as the list itself.
//! So reading a list takes at most twice its own size, and what is written in all grows with the edits alone. A
//! limit on the number of edits would break that: every so many steps a list that grows by a break a step would be
//! written in full.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ListEdit, ListState};
use crate::{Ranges, Splice};

/// A list that is not longer than this, in bytes, is always written out.
const ALWAYS_FULL_BYTES: usize = 64;

/// A list at a checkpoint with what a successor must know of how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredList {
    /// The list.
    pub state: Arc<ListState>,
    /// The edits since the last full one.
    pub chain: Chain,
}

/// The edits between a full list and one that builds on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// How many.
    pub edits: u32,
    /// Their bytes.
    pub bytes: u32,
}

/// What a change row of a list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// The list itself.
    Full(ListState),
    /// Edits of the list that another change of the thread left.
    Edit {
        on: u64,
        chain: Chain,
        edit: ListEdit,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FullRow {
    live: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EditRow {
    on: u64,
    chain: (u32, u32),
    live: Option<Vec<SpliceRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<Vec<SpliceRow>>,
}

type SpliceRow = (u64, u64, String);

impl StoredList {
    /// The list as it is written out, with nothing before it.
    #[must_use]
    pub fn full(state: ListState) -> (Self, String) {
        let text = full_text(&state);
        (
            Self {
                state: Arc::new(state),
                chain: Chain::default(),
            },
            text,
        )
    }

    /// The list after an edit of `before`, the list that change number `on` left, and how it is written. `None`
    /// when the edit does not fit.
    #[must_use]
    pub fn next(before: Option<(u64, &Self)>, edit: &ListEdit) -> Option<(Self, String)> {
        let Some((on, before)) = before else {
            return ListState::default().apply(edit).map(Self::full);
        };
        let state = before.state.apply(edit)?;
        let full = full_text(&state);
        if full.len() <= ALWAYS_FULL_BYTES {
            return Some((Self::of(state, Chain::default()), full));
        }
        let text = edit_text(on, before.chain, edit);
        let bytes = before.chain.bytes as usize + text.len();
        if bytes > full.len() {
            return Some((Self::of(state, Chain::default()), full));
        }
        let chain = Chain {
            edits: before.chain.edits + 1,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        };
        Some((Self::of(state, chain), text))
    }

    fn of(state: ListState, chain: Chain) -> Self {
        Self {
            state: Arc::new(state),
            chain,
        }
    }

    /// Reads the list that change `n` left; `row` gives the text of a change by its number.
    ///
    /// # Errors
    /// What `row` answers; [`ListDamage`] through `E` when a row is no list or does not fit its predecessor.
    pub fn read<E: From<ListDamage>>(
        n: u64,
        mut row: impl FnMut(u64) -> Result<String, E>,
    ) -> Result<Self, E> {
        let mut edits = Vec::new();
        let mut at = n;
        let mut last = None;
        let mut state = loop {
            let text = row(at)?;
            match parse(&text).ok_or(ListDamage { change: at })? {
                Written::Full(state) => break state,
                Written::Edit { on, chain, edit } if on < at => {
                    last.get_or_insert(Chain {
                        edits: chain.edits + 1,
                        bytes: chain.bytes + u32::try_from(text.len()).unwrap_or(u32::MAX),
                    });
                    edits.push(edit);
                    at = on;
                }
                Written::Edit { .. } => return Err(ListDamage { change: at }.into()),
            }
        };
        while let Some(edit) = edits.pop() {
            state = state.apply(&edit).ok_or(ListDamage { change: n })?;
        }
        Ok(Self::of(state, last.unwrap_or_default()))
    }

    /// Reads a row when the lists of all earlier changes are at hand; `None` when it is no list or does not fit.
    #[must_use]
    pub fn read_with(row: &str, before: impl FnOnce(u64) -> Option<Self>) -> Option<Self> {
        match parse(row)? {
            Written::Full(state) => Some(Self::of(state, Chain::default())),
            Written::Edit { on, chain, edit } => {
                let state = before(on)?.state.apply(&edit)?;
                Some(Self::of(
                    state,
                    Chain {
                        edits: chain.edits + 1,
                        bytes: chain.bytes + u32::try_from(row.len()).unwrap_or(u32::MAX),
                    },
                ))
            }
        }
    }

    /// The change that the list of this row is an edit of; `None` when the row stands alone or is no list.
    #[must_use]
    pub fn predecessor(row: &str) -> Option<u64> {
        match parse(row)? {
            Written::Full(_) => None,
            Written::Edit { on, .. } => Some(on),
        }
    }
}

/// A change row that is no list, or does not fit the one it builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("channel change {change} does not hold a list that can be read")]
pub struct ListDamage {
    /// The change's number in its thread.
    pub change: u64,
}

fn full_text(state: &ListState) -> String {
    let same = state.live.as_ref() == Some(&state.all);
    text_of(&FullRow {
        live: state.live.as_ref().map(ToString::to_string),
        all: (!same).then(|| state.all.to_string()),
    })
}

fn edit_text(on: u64, chain: Chain, edit: &ListEdit) -> String {
    let rows = |edits: &[Splice]| -> Vec<SpliceRow> {
        edits
            .iter()
            .map(|edit| (edit.at, edit.remove, edit.insert.to_string()))
            .collect()
    };
    let same = edit.live.as_ref() == Some(&edit.all);
    text_of(&EditRow {
        on,
        chain: (chain.edits, chain.bytes),
        live: edit.live.as_deref().map(rows),
        all: (!same).then(|| rows(&edit.all)),
    })
}

fn text_of(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("numbers and text always have a JSON form")
}

fn parse(text: &str) -> Option<Written> {
    if let Ok(row) = serde_json::from_str::<FullRow>(text) {
        let live = match row.live {
            Some(text) => Some(Ranges::parse(&text)?),
            None => None,
        };
        let all = match (row.all, &live) {
            (Some(text), _) => Ranges::parse(&text)?,
            (None, Some(live)) => live.clone(),
            (None, None) => return None,
        };
        return Some(Written::Full(ListState { live, all }));
    }
    let row: EditRow = serde_json::from_str(text).ok()?;
    let edits = |rows: Vec<SpliceRow>| -> Option<Vec<Splice>> {
        rows.into_iter()
            .map(|(at, remove, insert)| {
                Some(Splice {
                    at,
                    remove,
                    insert: Ranges::parse(&insert)?,
                })
            })
            .collect()
    };
    let live = match row.live {
        Some(rows) => Some(edits(rows)?),
        None => None,
    };
    let all = match (row.all, &live) {
        (Some(rows), _) => edits(rows)?,
        (None, Some(live)) => live.clone(),
        (None, None) => return None,
    };
    Some(Written::Edit {
        on: row.on,
        chain: Chain {
            edits: row.chain.0,
            bytes: row.chain.1,
        },
        edit: ListEdit { live, all },
    })
}
