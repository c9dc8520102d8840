//! Checkpoints, changes, what tasks left, messages and events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use everthread_graph::contract::{Namespace, Source, ThreadKey, WriteSlot};
use everthread_store::portable::{
    ChangeRow, CheckpointRow, EventRow, Kind, MessageRow, Part, PendingRow, Row,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Refused, Texts, embed, embed_some, id_of, is_false, nothing_left, parse, put, says, take,
    take_some, thread_of,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    id: String,
    #[serde(borrow, default, skip_serializing_if = "str_is_empty")]
    ns: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    branch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    step: i64,
    at_ms: i64,
    channels: Cow<'a, BTreeMap<String, u64>>,
    #[serde(borrow)]
    plan: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    change: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    list: bool,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    checkpoint: String,
    task: String,
    #[serde(borrow)]
    slot: Cow<'a, str>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    /// Of a subgraph rather than of the thread's own graph.
    #[serde(default, skip_serializing_if = "is_false")]
    inner: bool,
    branch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    at_ms: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    run: String,
    seq: u64,
    at_ms: i64,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[expect(clippy::ptr_arg, reason = "serde hands the field over as it is")]
fn str_is_empty(text: &Cow<'_, str>) -> bool {
    text.is_empty()
}

pub(super) fn write(key: &ThreadKey, row: &Row, line: &mut Vec<u8>) -> serde_json::Result<()> {
    let kind = row.kind().plural().into();
    let (user, thread) = (key.user.as_str().into(), key.thread.as_str().into());
    let mut texts = Texts::new();
    match row {
        Row::Checkpoint(row) => put(line, &checkpoint_line(key, row)?),
        Row::Message(row) => put(line, &message_line(key, row)?),
        Row::Change(row) => {
            let body = embed("body", &row.body, &mut texts)?;
            put(
                line,
                &ChangeLine {
                    kind,
                    user,
                    thread,
                    change: row.change,
                    list: row.list,
                    body,
                    texts,
                },
            )
        }
        Row::Pending(row) => {
            let body = embed("body", &row.body, &mut texts)?;
            put(
                line,
                &PendingLine {
                    kind,
                    user,
                    thread,
                    checkpoint: row.checkpoint.to_string(),
                    task: row.task.to_string(),
                    slot: row.slot.as_str().into(),
                    body,
                    texts,
                },
            )
        }
        Row::Event(row) => {
            let body = embed("body", &row.body, &mut texts)?;
            put(
                line,
                &EventLine {
                    kind,
                    user,
                    thread,
                    run: row.run.to_string(),
                    seq: row.seq,
                    at_ms: row.at_ms,
                    body,
                    texts,
                },
            )
        }
        // Whoever parts the kinds puts no others here.
        _ => Ok(()),
    }
}

fn checkpoint_line<'a>(
    key: &'a ThreadKey,
    row: &'a CheckpointRow,
) -> serde_json::Result<CheckpointLine<'a>> {
    let mut texts = Texts::new();
    let plan = embed("plan", &row.plan, &mut texts)?;
    let metadata = embed_some("metadata", row.metadata.as_ref(), &mut texts)?;
    Ok(CheckpointLine {
        kind: Kind::Checkpoint.plural().into(),
        user: key.user.as_str().into(),
        thread: key.thread.as_str().into(),
        id: row.id.to_string(),
        ns: row.ns.as_str().into(),
        parent: row.parent.as_ref().map(ToString::to_string),
        branch: row.branch,
        run: row.run,
        source: row.source.as_str().into(),
        step: row.step,
        at_ms: row.at_ms,
        channels: Cow::Borrowed(&row.channels),
        plan,
        metadata,
        texts,
    })
}

fn message_line<'a>(
    key: &'a ThreadKey,
    row: &'a MessageRow,
) -> serde_json::Result<MessageLine<'a>> {
    let mut texts = Texts::new();
    let body = embed("body", &row.body, &mut texts)?;
    Ok(MessageLine {
        kind: Kind::Message.plural().into(),
        user: key.user.as_str().into(),
        thread: key.thread.as_str().into(),
        seq: row.seq,
        channel: (&*row.channel).into(),
        inner: !row.root,
        branch: row.branch,
        run: row.run,
        at_ms: row.at_ms,
        id: row.id.as_deref().map(Cow::from),
        body,
        texts,
    })
}

pub(super) fn read(kind: Kind, line: &str) -> Result<(Part, Row), Refused> {
    match kind {
        Kind::Checkpoint => checkpoint(line),
        Kind::Change => change(line),
        Kind::Pending => pending(line),
        Kind::Message => message(line),
        _ => event(line),
    }
}

fn checkpoint(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: CheckpointLine<'_> = parse(line)?;
    says(Kind::Checkpoint, &found.kind)?;
    let plan = take("plan", found.plan, &mut found.texts)?;
    let metadata = take_some("metadata", found.metadata, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = CheckpointRow {
        id: id_of(&found.id)?,
        ns: Namespace::from_text(&found.ns),
        parent: found.parent.as_deref().map(id_of).transpose()?,
        branch: found.branch,
        run: found.run,
        source: Source::from_name(&found.source).ok_or("it has an unknown source")?,
        step: found.step,
        at_ms: found.at_ms,
        channels: found.channels.into_owned(),
        plan,
        metadata,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Checkpoint(row)))
}

fn change(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: ChangeLine<'_> = parse(line)?;
    says(Kind::Change, &found.kind)?;
    let body = take("body", found.body, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = ChangeRow {
        change: found.change,
        list: found.list,
        body,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Change(row)))
}

fn pending(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: PendingLine<'_> = parse(line)?;
    says(Kind::Pending, &found.kind)?;
    let body = take("body", found.body, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = PendingRow {
        checkpoint: id_of(&found.checkpoint)?,
        task: id_of(&found.task)?,
        slot: WriteSlot::from_name(&found.slot).ok_or("it is of an unknown kind")?,
        body,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Pending(row)))
}

fn message(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: MessageLine<'_> = parse(line)?;
    says(Kind::Message, &found.kind)?;
    let body = take("body", found.body, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = MessageRow {
        seq: found.seq,
        channel: Arc::from(&*found.channel),
        root: !found.inner,
        branch: found.branch,
        run: found.run,
        at_ms: found.at_ms,
        id: found.id.map(|id| Arc::from(&*id)),
        body,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Message(row)))
}

fn event(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: EventLine<'_> = parse(line)?;
    says(Kind::Event, &found.kind)?;
    let body = take("body", found.body, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = EventRow {
        run: id_of(&found.run)?,
        seq: found.seq,
        at_ms: found.at_ms,
        body,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Event(row)))
}
