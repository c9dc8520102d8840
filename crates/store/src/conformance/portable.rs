//! Rows that leave a store and come back.

use std::sync::Arc;

use everthread_graph::contract::{
    Change, Namespace, PendingWrites, RunMark, RunOutcome, StoreError, StoreErrorKind, TaskWrites,
    ThreadKey, UserId, WriteSlot,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{Factory, Ids, Step, Talk, apply, json, key, said, sound};
use crate::portable::{
    ERASED, Kind, Mark, OnConflict, Outcome, Part, Row, RowStream, Scope, WriteRows, Written,
};
use crate::{Kept, ListThreads, ListUsers, RunEvent, Search, Session, Store, UserPatch};

/// All rows of a scope.
pub(super) async fn rows(store: &dyn Store, scope: &Scope) -> Vec<Row> {
    let batches: Vec<Vec<Row>> = store
        .read_rows(scope)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    batches.into_iter().flatten().collect()
}

/// Rows as they come from somewhere: a few at a time.
pub(super) fn coming(rows: &[Row]) -> RowStream {
    let batches: Vec<Result<Vec<Row>, StoreError>> =
        rows.chunks(3).map(|some| Ok(some.to_vec())).collect();
    stream::iter(batches).boxed()
}

/// The rows, parted by what is written in one transaction.
pub(super) fn parts(rows: &[Row]) -> Vec<(Part, Vec<Row>)> {
    let mut parts: Vec<(Part, Vec<Row>)> = Vec::new();
    for row in rows {
        let begins = match row {
            Row::Record(_) if parts.is_empty() => Some(Part::Records),
            Row::User(row) => Some(Part::User(row.id.clone())),
            Row::Thread(row) => Some(Part::Thread(row.key.clone())),
            _ => None,
        };
        parts.extend(begins.map(|part| (part, Vec::new())));
        parts.last_mut().unwrap().1.push(row.clone());
    }
    parts
}

/// Writes each part by a policy.
pub(super) async fn write(
    store: &dyn Store,
    rows: &[Row],
    on_conflict: OnConflict,
) -> Vec<Written> {
    let how = WriteRows {
        on_conflict,
        dry_run: false,
    };
    let mut written = Vec::new();
    for (part, rows) in parts(rows) {
        written.push(store.write_rows(&part, coming(&rows), how).await.unwrap());
    }
    written
}

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

/// Two users with everything that a store can hold. Whoever filled it is gone: a run was left, another waits.
async fn full(factory: &dyn Factory, ids: &Ids) -> Arc<dyn Store> {
    let first = factory.open().await;
    let store = &*first;
    for (name, odd) in [
        ("alice", "plain"),
        ("bob", "\u{0}\u{1F980} \" \\ \u{202E}'; --"),
    ] {
        conversations(store, ids, name, odd).await;
        let patch = UserPatch {
            name: Some(odd.to_owned()),
            preferences: Some(json("{\"tone\": \"dry\"}")),
            held: Some(name == "bob"),
        };
        store.put_user(&user(name), patch).await.unwrap();
        let session = Session {
            id: odd.to_owned(),
            client: "test".to_owned(),
            thread: Some(key(name, "1").thread),
            started_ms: 1,
            last_ms: 2,
            turns: 3,
        };
        store.put_session(&user(name), session).await.unwrap();
        for (item, ends) in [("a", None), ("b", Some(i64::MAX))] {
            let namespace = ["facts".to_owned(), odd.replace('.', "")];
            let value = Some(json("{\"is\":  1}"));
            store
                .put_item(&user(name), &namespace, item, value, ends)
                .await
                .unwrap();
        }
    }
    for id in ["b", "a"] {
        let record = store.put_record("key", id, None, json("[1]")).await;
        record.unwrap();
    }
    first.close().await.unwrap();
    factory.open().await
}

async fn conversations(store: &dyn Store, ids: &Ids, name: &str, odd: &str) {
    let mut talk = Talk::new(store, ids, name, "1");
    let first = talk.turn("zebra", odd).await;
    talk.turn(odd, "b").await;
    // A line of its own, a subgraph, and a checkpoint that is gone.
    let fork = talk
        .step()
        .from(Some(first))
        .say(2, vec![talk.message("human", "other")])
        .set("mood", "\"good\"");
    talk.len = 2;
    talk.apply(fork, 1).await;
    let sub = Step::after(ids, &talk.key, None)
        .within(&Namespace::from_text("node:1"))
        .change(
            "notes",
            super::append(0, vec![super::element("n", "ai", odd)]),
        )
        .change("gone", Change::Clear);
    apply(store, sub.build()).await.unwrap();
    store.prune(&talk.key, Kept::Newest(2)).await.unwrap();
    // One that waits for an answer.
    let mut asks = Talk::new(store, ids, name, odd.trim_start_matches('\0'));
    let run = asks.begin("may I?").await;
    let left = TaskWrites {
        task: ids.task(),
        slot: WriteSlot::Interrupt,
        body: json("[\"?\"]"),
    };
    let writes = PendingWrites {
        key: asks.key.clone(),
        checkpoint: asks.head.unwrap(),
        writes: vec![left],
        run: RunMark::End(run.id, asks.fence, RunOutcome::Interrupted),
    };
    let ticket = store.write(writes).await.unwrap();
    ticket.durable().await.unwrap();
    let events = [(0, "1"), (7, "{\"a\": []}")].map(|(seq, body)| RunEvent {
        seq,
        body: json(body),
    });
    store
        .append_events(&asks.key, run.id, events.to_vec())
        .await
        .unwrap();
    // One whose process goes away, while another input waits.
    let mut left = Talk::new(store, ids, name, "left");
    left.begin("and then").await;
    let waiting = ids.new_run(everthread_graph::contract::Multitask::Enqueue);
    store.enqueue_run(&left.key, waiting, None).await.unwrap();
    let mut deleted = Talk::new(store, ids, name, "deleted");
    deleted.turn("never", "mind").await;
    store.delete_thread(&deleted.key).await.unwrap();
}

/// Removes everything.
async fn empty(store: &dyn Store) {
    for one in store.users(ListUsers::default()).await.unwrap() {
        let free = UserPatch {
            held: Some(false),
            ..UserPatch::default()
        };
        store.put_user(&one.id, free).await.unwrap();
        store.erase_user(&one.id).await.unwrap();
    }
    for row in rows(store, &Scope::Whole).await {
        let Row::Record(record) = row else {
            panic!("something of a user is left: {row:?}");
        };
        assert!(store.delete_record(&record.kind, &record.id).await.unwrap());
    }
}

/// What is read, written into an empty store and read again is the same.
pub async fn rows_make_the_same_store_again(factory: &dyn Factory) {
    let ids = Ids::new();
    let store = full(factory, &ids).await;
    let before = rows(&*store, &Scope::Whole).await;
    for kind in Kind::ALL {
        assert!(before.iter().any(|row| row.kind() == kind), "no {kind:?}");
    }
    let told = said(&*store, &key("alice", "1"), None).await;
    empty(&*store).await;
    for written in write(&*store, &before, OnConflict::Skip).await {
        assert_eq!((written.outcome, written.skipped), (Outcome::Created, 0));
    }
    assert_eq!(rows(&*store, &Scope::Whole).await, before);
    sound(&*store).await;
    assert_eq!(said(&*store, &key("alice", "1"), None).await, told);
    store.settle().await.unwrap();
    let zebras = Search {
        words: "zebra".to_owned(),
        thread: None,
        offset: 0,
        limit: 9,
    };
    assert_eq!(store.search(&user("alice"), zebras).await.unwrap().len(), 1);
    // What was left is there to be taken up, with its input.
    let left = key("alice", "left");
    assert!(store.live_threads(9).await.unwrap().contains(&left));
    let claimed = store.claim(&left).await.unwrap().waiting;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].input, Some(json("\"input\"")));
    let mut talk = Talk::new(&*store, &ids, "bob", "new");
    talk.turn("c", "d").await;
    sound(&*store).await;
}

/// Of one user or one thread, and nothing of another.
pub async fn rows_of_a_scope_are_those_alone(factory: &dyn Factory) {
    let ids = Ids::new();
    let store = full(factory, &ids).await;
    let whole = parts(&rows(&*store, &Scope::Whole).await);
    let of = |wanted: &dyn Fn(&Part) -> bool| -> Vec<Row> {
        let some = whole.iter().filter(|(part, _)| wanted(part));
        some.flat_map(|(_, rows)| rows.clone()).collect()
    };
    let alice = user("alice");
    let alices = of(&|part| match part {
        Part::Records => false,
        Part::User(user) => *user == alice,
        Part::Thread(key) => key.user == alice,
    });
    assert_eq!(rows(&*store, &Scope::User(alice)).await, alices);
    let one = key("alice", "1");
    let only = of(&|part| *part == Part::Thread(one.clone()));
    assert_eq!(rows(&*store, &Scope::Thread(one)).await, only);
    for scope in [
        Scope::User(user("carol")),
        Scope::Thread(key("alice", "no")),
    ] {
        let refused = store.read_rows(&scope).await.err().unwrap();
        assert_eq!(refused.kind(), StoreErrorKind::NotFound);
    }
}

/// What is written while rows are read is not among them.
pub async fn rows_are_of_one_moment(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talks: Vec<Talk<'_>> = ["1", "2", "3"]
        .map(|thread| Talk::new(&*store, &ids, "alice", thread))
        .into();
    for talk in &mut talks {
        for _ in 0..20 {
            talk.turn(&"x".repeat(50_000), "y").await;
        }
    }
    let before = rows(&*store, &Scope::Whole).await;
    let mut stream = store.read_rows(&Scope::Whole).await.unwrap();
    let mut read = stream.next().await.unwrap().unwrap();
    for talk in &mut talks {
        talk.turn("later", "z").await;
    }
    store.delete_thread(&talks[2].key).await.unwrap();
    while let Some(batch) = stream.next().await {
        read.extend(batch.unwrap());
    }
    assert!(read == before, "other rows were read than were there");
}

/// A thread that does not fit into what is taken first comes in pieces, and is there as a whole.
pub async fn a_large_thread_is_written_in_pieces(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for _ in 0..8 {
        let said = (0..100).map(|n| talk.message("human", &format!("{n} {}", "x".repeat(10_000))));
        let step = talk.step().say(talk.len, said.collect());
        talk.apply(step, 100).await;
    }
    let before = rows(&*store, &Scope::Thread(talk.key.clone())).await;
    let broken: Vec<Row> = before[..before.len() - 1].to_vec();
    store.delete_thread(&talk.key).await.unwrap();
    let part = Part::Thread(talk.key.clone());
    let refused = store
        .write_rows(&part, coming(&broken), WriteRows::default())
        .await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Invalid);
    assert!(store.thread(&talk.key).await.unwrap().is_none());
    write(&*store, &before, OnConflict::Skip).await;
    assert!(rows(&*store, &Scope::Thread(talk.key.clone())).await == before);
    sound(&*store).await;
}

/// A stream that breaks off, is out of order or contradicts itself leaves nothing behind.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub async fn a_part_is_written_whole_or_not_at_all(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let mut other = Talk::new(&*store, &ids, "alice", "2");
    other.turn("c", "d").await;
    let good = rows(&*store, &Scope::Thread(talk.key.clone())).await;
    store.delete_thread(&talk.key).await.unwrap();
    let before = rows(&*store, &Scope::Whole).await;
    let broken = |change: &dyn Fn(&mut Vec<Row>)| {
        let mut rows = good.clone();
        change(&mut rows);
        coming(&rows)
    };
    let position = |kind: Kind| good.iter().position(|row| row.kind() == kind).unwrap();
    let breaks_off = || -> RowStream {
        let error = StoreError::new(StoreErrorKind::Invalid, "it broke off");
        coming(&good[..4]).chain(stream::iter([Err(error)])).boxed()
    };
    let streams: Vec<(&str, RowStream)> = vec![
        ("breaks off", breaks_off()),
        ("is empty", coming(&[])),
        ("twice", broken(&|rows| rows.insert(1, rows[1].clone()))),
        ("swapped", broken(&|rows| rows.swap(1, 2))),
        (
            "of another",
            coming(&rows(&*store, &Scope::Thread(other.key.clone())).await),
        ),
        ("no thread", broken(&|rows| drop(rows.remove(0)))),
        (
            "no message",
            broken(&|rows| drop(rows.remove(position(Kind::Message)))),
        ),
        (
            "no change",
            broken(&|rows| drop(rows.remove(position(Kind::Change)))),
        ),
        (
            "no checkpoint",
            broken(&|rows| drop(rows.remove(position(Kind::Checkpoint)))),
        ),
        (
            "counts",
            broken(&|rows| {
                if let Row::Thread(row) = &mut rows[0] {
                    row.messages += 1;
                }
            }),
        ),
        (
            "runs",
            broken(&|rows| {
                let at = position(Kind::Run);
                if let Row::Run(row) = &mut rows[at] {
                    row.run = u64::MAX;
                }
            }),
        ),
    ];
    for (what, stream) in streams {
        let part = Part::Thread(talk.key.clone());
        let refused = store.write_rows(&part, stream, WriteRows::default()).await;
        let kind = refused.err().map(|error| error.kind());
        assert_eq!(kind, Some(StoreErrorKind::Invalid), "{what}");
        assert!(rows(&*store, &Scope::Whole).await == before, "{what}");
    }
    let part = Part::User(user("alice"));
    let stream = coming(&before[1..]);
    let refused = store.write_rows(&part, stream, WriteRows::default()).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Invalid);
    talk.head = None;
    talk.len = 0;
    talk.turn("e", "f").await;
    sound(&*store).await;
}

/// A user who was erased is known by a hash, as long as the mark stays.
pub async fn erasing_leaves_a_mark(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut marks = Vec::new();
    for _ in 0..2 {
        let mut talk = Talk::new(&*store, &ids, "alice", "1");
        talk.turn("a", "b").await;
        store.erase_user(&user("alice")).await.unwrap();
        for row in rows(&*store, &Scope::Whole).await {
            let Row::Record(record) = row else {
                panic!("something of a user is left: {row:?}");
            };
            assert_eq!(record.kind, ERASED);
            assert!(!format!("{record:?}").contains("alice"));
            marks.push(Mark::read(&record).unwrap());
        }
    }
    assert_eq!(marks.len(), 2, "the second takes the place of the first");
    assert!(marks[0].at_ms <= marks[1].at_ms);
    for mark in &marks {
        assert_eq!(*mark, Mark::of(&user("alice"), mark.at_ms));
    }
    let threads = store.threads(&user("alice"), ListThreads::default()).await;
    assert!(threads.unwrap().is_empty());
}

/// The thread of these rows.
pub(super) fn thread_of(rows: &[Row]) -> ThreadKey {
    match &rows[0] {
        Row::Thread(row) => row.key.clone(),
        row => panic!("{row:?}"),
    }
}
