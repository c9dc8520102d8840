//! Rows as lines of JSON: what lies in archives and exports.
//!
//! Each line is an object with the kind of the row, whose it is (`user`, `thread`) and its fields. What a store keeps
//! as JSON is embedded as it is, character by character; text that would not survive that (it has line breaks or
//! spaces around it) is in `texts`, by the name of its field.

mod own;
mod state;
mod thread;

use std::borrow::Cow;
use std::collections::BTreeMap;

use everthread_graph::contract::{Json, ThreadId, ThreadKey, UserId};
use everthread_store::portable::{Kind, Part, Row};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{BackupError, BackupErrorKind};
use crate::line::{MAX_LINE, is_shallow};

/// JSON texts that cannot be embedded, by the name of their field.
type Texts<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// Why a line is no row.
type Refused = String;

/// Writes a row as a line, its end included.
///
/// # Errors
/// `Invalid` when the row is longer than a line may be, or holds what is no JSON.
pub(crate) fn write(part: &Part, row: &Row, line: &mut Vec<u8>) -> Result<(), BackupError> {
    line.clear();
    let written = match part {
        Part::Records => own::write_record(row, line),
        Part::User(user) => own::write(user, row, line),
        Part::Thread(key) => match row.kind() {
            Kind::Thread | Kind::Branch | Kind::Head | Kind::Run => thread::write(key, row, line),
            _ => state::write(key, row, line),
        },
    };
    written.map_err(|error| {
        BackupError::new(
            BackupErrorKind::Invalid,
            format!("a row of {} holds what is no JSON", row.kind().plural()),
        )
        .with_source(error)
    })?;
    line.push(b'\n');
    if line.len() > MAX_LINE {
        return Err(BackupError::new(
            BackupErrorKind::Invalid,
            format!(
                "one of the {} takes more than {} MiB: it cannot be backed up",
                row.kind().plural(),
                MAX_LINE >> 20
            ),
        ));
    }
    Ok(())
}

/// Reads a line of a kind: whose row it is, and the row.
///
/// # Errors
/// `Damaged` when it is none.
pub(crate) fn read(kind: Kind, line: &str) -> Result<(Part, Row), BackupError> {
    let row = if is_shallow(line) {
        match kind {
            Kind::Record | Kind::User | Kind::Session | Kind::Item => own::read(kind, line),
            Kind::Thread | Kind::Branch | Kind::Head | Kind::Run => thread::read(kind, line),
            _ => state::read(kind, line),
        }
    } else {
        Err("it is nested too deep".to_owned())
    };
    row.map_err(|error| {
        BackupError::damaged(format!("one of the {} is none: {error}", kind.plural()))
    })
}

/// The kind that a line says it is.
pub(crate) fn kind_of(line: &str) -> Result<Kind, BackupError> {
    #[derive(Deserialize)]
    struct Named<'a> {
        kind: &'a str,
    }
    let named: Result<Named<'_>, _> = serde_json::from_str(line);
    named
        .ok()
        .and_then(|named| Kind::from_plural(named.kind))
        .ok_or_else(|| BackupError::damaged("a row has no kind that is known"))
}

/// Embeds JSON, or puts it among the texts.
fn embed<'a>(
    name: &'static str,
    value: &'a Json,
    texts: &mut Texts<'a>,
) -> serde_json::Result<Option<&'a RawValue>> {
    let text = value.as_str();
    let raw: &RawValue = serde_json::from_str(text)?;
    // A line break in JSON text is always between its words: inside of them it is escaped. A bare `null` would be read
    // as nothing.
    if raw.get() == text && text != "null" && !text.contains(['\n', '\r']) {
        return Ok(Some(raw));
    }
    texts.insert(Cow::Borrowed(name), Cow::Borrowed(text));
    Ok(None)
}

/// The same for what may be missing.
fn embed_some<'a>(
    name: &'static str,
    value: Option<&'a Json>,
    texts: &mut Texts<'a>,
) -> serde_json::Result<Option<&'a RawValue>> {
    match value {
        Some(value) => embed(name, value, texts),
        None => Ok(None),
    }
}

/// What was embedded under this name; `None` when nothing was.
fn take_some(
    name: &str,
    raw: Option<&RawValue>,
    texts: &mut Texts<'_>,
) -> Result<Option<Json>, Refused> {
    match (raw, texts.remove(name)) {
        (None, None) => Ok(None),
        (Some(raw), None) => Ok(Some(Json::trusted(raw.get()))),
        (None, Some(text)) if is_shallow(&text) => Json::parse(&text)
            .map(Some)
            .map_err(|error| error.to_string()),
        _ => Err(format!("its {name} cannot be read")),
    }
}

fn take(name: &str, raw: Option<&RawValue>, texts: &mut Texts<'_>) -> Result<Json, Refused> {
    take_some(name, raw, texts)?.ok_or_else(|| format!("it has no {name}"))
}

/// Nothing is to be left that nobody asked for.
fn nothing_left(texts: &Texts<'_>) -> Result<(), Refused> {
    if texts.is_empty() {
        return Ok(());
    }
    Err("it has texts that belong nowhere".to_owned())
}

fn says(kind: Kind, said: &str) -> Result<(), Refused> {
    if said == kind.plural() {
        return Ok(());
    }
    Err(format!("it says that it is one of the {said:?}"))
}

fn user_of(user: &str) -> Result<UserId, Refused> {
    UserId::new(user).map_err(|error| error.to_string())
}

fn thread_of(user: &str, thread: &str) -> Result<ThreadKey, Refused> {
    Ok(ThreadKey {
        user: user_of(user)?,
        thread: ThreadId::new(thread).map_err(|error| error.to_string())?,
    })
}

fn id_of<T: std::str::FromStr>(text: &str) -> Result<T, Refused> {
    text.parse().map_err(|_| format!("{text:?} is no id"))
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, Refused> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}

fn put(line: &mut Vec<u8>, row: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(line, row)
}

fn is_false(value: &bool) -> bool {
    !value
}
