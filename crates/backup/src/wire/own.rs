//! Documents, profiles, sessions and items.

use std::borrow::Cow;

use everthread_graph::contract::{ThreadId, UserId};
use everthread_store::portable::{ItemRow, Kind, Part, Row, UserRow};
use everthread_store::{Record, Session};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Refused, Texts, embed, embed_some, is_false, nothing_left, parse, put, says, take, take_some,
    user_of,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    of: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    version: u64,
    created_ms: i64,
    updated_ms: i64,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    created_ms: i64,
    active_ms: i64,
    #[serde(default, skip_serializing_if = "is_false")]
    held: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    preferences: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    last_thread: Option<Cow<'a, str>>,
    started_ms: i64,
    last_ms: i64,
    turns: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    namespace: Vec<String>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    created_ms: i64,
    updated_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<i64>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

pub(super) fn write_record(row: &Row, line: &mut Vec<u8>) -> serde_json::Result<()> {
    let Row::Record(row) = row else {
        return Ok(());
    };
    let mut texts = Texts::new();
    let body = embed("body", &row.body, &mut texts)?;
    put(
        line,
        &RecordLine {
            kind: Kind::Record.plural().into(),
            of: (&*row.kind).into(),
            id: (&*row.id).into(),
            version: row.version,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
            body,
            texts,
        },
    )
}

pub(super) fn write(user: &UserId, row: &Row, line: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut texts = Texts::new();
    let (kind, user) = (row.kind().plural().into(), user.as_str().into());
    match row {
        Row::User(row) => {
            let preferences = embed_some("preferences", row.preferences.as_ref(), &mut texts)?;
            put(
                line,
                &UserLine {
                    kind,
                    user,
                    name: row.name.as_deref().map(Cow::from),
                    created_ms: row.created_ms,
                    active_ms: row.active_ms,
                    held: row.held,
                    preferences,
                    texts,
                },
            )
        }
        Row::Session(row) => put(
            line,
            &SessionLine {
                kind,
                user,
                id: (&*row.id).into(),
                client: (&*row.client).into(),
                last_thread: row.thread.as_ref().map(|thread| thread.as_str().into()),
                started_ms: row.started_ms,
                last_ms: row.last_ms,
                turns: row.turns,
            },
        ),
        Row::Item(row) => {
            let value = embed("value", &row.value, &mut texts)?;
            put(
                line,
                &ItemLine {
                    kind,
                    user,
                    namespace: row.namespace.clone(),
                    key: (&*row.key).into(),
                    created_ms: row.created_ms,
                    updated_ms: row.updated_ms,
                    expires_ms: row.expires_ms,
                    ttl_ms: row.ttl_ms,
                    value,
                    texts,
                },
            )
        }
        // Whoever parts the rows puts no others here.
        _ => Ok(()),
    }
}

pub(super) fn read(kind: Kind, line: &str) -> Result<(Part, Row), Refused> {
    match kind {
        Kind::Record => record(line),
        Kind::User => user(line),
        Kind::Session => session(line),
        _ => item(line),
    }
}

fn record(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: RecordLine<'_> = parse(line)?;
    says(Kind::Record, &found.kind)?;
    let body = take("body", found.body, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = Record {
        kind: found.of.into_owned(),
        id: found.id.into_owned(),
        version: found.version,
        body,
        created_ms: found.created_ms,
        updated_ms: found.updated_ms,
    };
    Ok((Part::Records, Row::Record(row)))
}

fn user(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: UserLine<'_> = parse(line)?;
    says(Kind::User, &found.kind)?;
    let id = user_of(&found.user)?;
    let preferences = take_some("preferences", found.preferences, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = UserRow {
        id: id.clone(),
        name: found.name.map(Cow::into_owned),
        preferences,
        created_ms: found.created_ms,
        active_ms: found.active_ms,
        held: found.held,
    };
    Ok((Part::User(id), Row::User(row)))
}

fn session(line: &str) -> Result<(Part, Row), Refused> {
    let found: SessionLine<'_> = parse(line)?;
    says(Kind::Session, &found.kind)?;
    let thread = found
        .last_thread
        .map(|thread| ThreadId::new(thread).map_err(|error| error.to_string()))
        .transpose()?;
    let row = Session {
        id: found.id.into_owned(),
        client: found.client.into_owned(),
        thread,
        started_ms: found.started_ms,
        last_ms: found.last_ms,
        turns: found.turns,
    };
    Ok((Part::User(user_of(&found.user)?), Row::Session(row)))
}

fn item(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: ItemLine<'_> = parse(line)?;
    says(Kind::Item, &found.kind)?;
    let value = take("value", found.value, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = ItemRow {
        namespace: found.namespace,
        key: found.key.into_owned(),
        value,
        created_ms: found.created_ms,
        updated_ms: found.updated_ms,
        expires_ms: found.expires_ms,
        ttl_ms: found.ttl_ms,
    };
    Ok((Part::User(user_of(&found.user)?), Row::Item(row)))
}
