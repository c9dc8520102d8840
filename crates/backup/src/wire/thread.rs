//! Threads, branches, heads and runs.

use std::borrow::Cow;

use everthread_graph::contract::{CheckpointId, Multitask, Namespace, ThreadKey};
use everthread_store::RunStatus;
use everthread_store::portable::{BranchRow, HeadRow, Kind, Part, Row, RunRow, ThreadRow};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Refused, Texts, embed_some, id_of, is_false, nothing_left, parse, put, says, take_some,
    thread_of,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThreadLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    title: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pinned: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    archived: bool,
    created_ms: i64,
    updated_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ms: Option<i64>,
    fence: u64,
    seq: u64,
    change: u64,
    run: u64,
    branch: u64,
    messages: u64,
    turns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pruned: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BranchLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    branch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forked_at: Option<String>,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    #[serde(borrow)]
    ns: Cow<'a, str>,
    checkpoint: Option<String>,
    last: String,
    branch: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    thread: Cow<'a, str>,
    run: u64,
    id: String,
    #[serde(borrow)]
    graph: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_ms: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    policy: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_ms: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    input: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    details: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Texts::is_empty")]
    texts: Texts<'a>,
}

pub(super) fn write(key: &ThreadKey, row: &Row, line: &mut Vec<u8>) -> serde_json::Result<()> {
    let kind = row.kind().plural().into();
    let (user, thread) = (key.user.as_str().into(), key.thread.as_str().into());
    let text = |id: &Option<CheckpointId>| id.as_ref().map(ToString::to_string);
    match row {
        Row::Thread(row) => put(line, &thread_line(row)?),
        Row::Branch(row) => put(
            line,
            &BranchLine {
                kind,
                user,
                thread,
                branch: row.branch,
                parent: row.parent,
                forked_at: text(&row.forked_at),
                created_ms: row.created_ms,
            },
        ),
        Row::Head(row) => put(
            line,
            &HeadLine {
                kind,
                user,
                thread,
                ns: row.ns.as_str().into(),
                checkpoint: text(&row.checkpoint),
                last: row.last.to_string(),
                branch: row.branch,
            },
        ),
        Row::Run(row) => put(line, &run_line(key, row)?),
        // Whoever parts the kinds puts no others here.
        _ => Ok(()),
    }
}

fn thread_line(row: &ThreadRow) -> serde_json::Result<ThreadLine<'_>> {
    let mut texts = Texts::new();
    let metadata = embed_some("metadata", row.metadata.as_ref(), &mut texts)?;
    Ok(ThreadLine {
        kind: Kind::Thread.plural().into(),
        user: row.key.user.as_str().into(),
        thread: row.key.thread.as_str().into(),
        title: row.title.as_deref().map(Cow::from),
        pinned: row.pinned,
        archived: row.archived,
        created_ms: row.created_ms,
        updated_ms: row.updated_ms,
        expires_ms: row.expires_ms,
        fence: row.fence,
        seq: row.seq,
        change: row.change,
        run: row.run,
        branch: row.branch,
        messages: row.messages,
        turns: row.turns,
        pruned: row.pruned.as_ref().map(ToString::to_string),
        metadata,
        texts,
    })
}

fn run_line<'a>(key: &'a ThreadKey, row: &'a RunRow) -> serde_json::Result<RunLine<'a>> {
    let mut texts = Texts::new();
    let input = embed_some("input", row.input.as_ref(), &mut texts)?;
    let details = embed_some("details", row.details.as_ref(), &mut texts)?;
    Ok(RunLine {
        kind: Kind::Run.plural().into(),
        user: key.user.as_str().into(),
        thread: key.thread.as_str().into(),
        run: row.run,
        id: row.id.to_string(),
        graph: (&*row.graph).into(),
        status: row.status.as_str().into(),
        fence: row.fence,
        base: row.base.as_ref().map(ToString::to_string),
        created_ms: row.created_ms,
        ended_ms: row.ended_ms,
        error: row.error.as_deref().map(Cow::from),
        policy: row.policy.as_str().into(),
        starts_ms: row.starts_ms,
        input,
        details,
        texts,
    })
}

pub(super) fn read(kind: Kind, line: &str) -> Result<(Part, Row), Refused> {
    match kind {
        Kind::Thread => thread(line),
        Kind::Branch => branch(line),
        Kind::Head => head(line),
        _ => run(line),
    }
}

fn id_or_none(text: Option<&str>) -> Result<Option<CheckpointId>, Refused> {
    text.map(id_of).transpose()
}

fn thread(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: ThreadLine<'_> = parse(line)?;
    says(Kind::Thread, &found.kind)?;
    let key = thread_of(&found.user, &found.thread)?;
    let metadata = take_some("metadata", found.metadata, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = ThreadRow {
        key: key.clone(),
        title: found.title.map(Cow::into_owned),
        pinned: found.pinned,
        archived: found.archived,
        metadata,
        created_ms: found.created_ms,
        updated_ms: found.updated_ms,
        expires_ms: found.expires_ms,
        fence: found.fence,
        seq: found.seq,
        change: found.change,
        run: found.run,
        branch: found.branch,
        messages: found.messages,
        turns: found.turns,
        pruned: id_or_none(found.pruned.as_deref())?,
    };
    Ok((Part::Thread(key), Row::Thread(row)))
}

fn branch(line: &str) -> Result<(Part, Row), Refused> {
    let found: BranchLine<'_> = parse(line)?;
    says(Kind::Branch, &found.kind)?;
    let row = BranchRow {
        branch: found.branch,
        parent: found.parent,
        forked_at: id_or_none(found.forked_at.as_deref())?,
        created_ms: found.created_ms,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Branch(row)))
}

fn head(line: &str) -> Result<(Part, Row), Refused> {
    let found: HeadLine<'_> = parse(line)?;
    says(Kind::Head, &found.kind)?;
    let row = HeadRow {
        ns: Namespace::from_text(&found.ns),
        checkpoint: id_or_none(found.checkpoint.as_deref())?,
        last: id_of(&found.last)?,
        branch: found.branch,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Head(row)))
}

fn run(line: &str) -> Result<(Part, Row), Refused> {
    let mut found: RunLine<'_> = parse(line)?;
    says(Kind::Run, &found.kind)?;
    let input = take_some("input", found.input, &mut found.texts)?;
    let details = take_some("details", found.details, &mut found.texts)?;
    nothing_left(&found.texts)?;
    let row = RunRow {
        run: found.run,
        id: id_of(&found.id)?,
        graph: found.graph.into_owned(),
        status: RunStatus::from_name(&found.status).ok_or("it has an unknown status")?,
        fence: found.fence,
        base: id_or_none(found.base.as_deref())?,
        input,
        created_ms: found.created_ms,
        ended_ms: found.ended_ms,
        error: found.error.map(Cow::into_owned),
        policy: Multitask::from_name(&found.policy).ok_or("it has an unknown policy")?,
        starts_ms: found.starts_ms,
        details,
    };
    let key = thread_of(&found.user, &found.thread)?;
    Ok((Part::Thread(key), Row::Run(row)))
}
