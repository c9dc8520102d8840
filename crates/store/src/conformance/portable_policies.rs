//! Rows that come where others are: skipped, in their place, the newer of both, or beside them.

use everthread_graph::contract::{Fence, StoreErrorKind, ThreadKey, UserId};

use super::portable::{coming, rows, thread_of, write};
use super::{Factory, Ids, Talk, apply, json, key, kinds, said, sound};
use crate::portable::{OnConflict, Outcome, Part, Row, Scope, WriteRows, copy_id};
use crate::{Session, Store, UserPatch};

const ALL: [OnConflict; 4] = [
    OnConflict::Skip,
    OnConflict::Replace,
    OnConflict::Newer,
    OnConflict::Copy,
];

fn alice() -> UserId {
    UserId::new("alice").unwrap()
}

fn dry(on_conflict: OnConflict) -> WriteRows {
    WriteRows {
        on_conflict,
        dry_run: true,
    }
}

/// A thread as it was, and the same when it had gone on: rows of both. The store holds the later.
async fn earlier_and_later(store: &dyn Store, ids: &Ids) -> [Vec<Row>; 2] {
    let mut talk = Talk::new(store, ids, "alice", "1");
    talk.turn("a", "b").await;
    let scope = Scope::Thread(talk.key.clone());
    let earlier = rows(store, &scope).await;
    talk.turn("c", "d").await;
    [earlier, rows(store, &scope).await]
}

/// What a thread becomes for each policy, where an earlier or a later state of it is there.
pub async fn threads_meet_by_the_policy(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let [earlier, later] = earlier_and_later(&*store, &ids).await;
    let key = thread_of(&later);
    let (short, long) = (vec!["a", "b"], vec!["a", "b", "c", "d"]);
    for (policy, there, comes, replaced, expected) in [
        (OnConflict::Skip, &later, &earlier, false, &long),
        (OnConflict::Skip, &earlier, &later, false, &short),
        (OnConflict::Replace, &later, &earlier, true, &short),
        (OnConflict::Replace, &earlier, &later, true, &long),
        (OnConflict::Newer, &later, &earlier, false, &long),
        (OnConflict::Newer, &earlier, &later, true, &long),
        (OnConflict::Newer, &later, &later, false, &long),
        (OnConflict::Copy, &later, &later, false, &long),
    ] {
        store.delete_thread(&key).await.unwrap();
        write(&*store, there, OnConflict::Skip).await;
        let written = &write(&*store, comes, policy).await[0];
        let (outcome, count) = if replaced {
            (Outcome::Replaced, comes.len())
        } else {
            (Outcome::Kept, 0)
        };
        assert_eq!(written.outcome, outcome, "{policy:?}");
        assert_eq!(written.written, count as u64, "{policy:?}");
        assert_eq!(written.skipped, (comes.len() - count) as u64, "{policy:?}");
        assert_eq!(said(&*store, &key, None).await, *expected, "{policy:?}");
    }
    sound(&*store).await;
}

/// A copy stands beside the thread, once.
pub async fn a_copy_stands_beside_what_is_there(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let [earlier, _] = earlier_and_later(&*store, &ids).await;
    let key = thread_of(&earlier);
    let Row::Thread(row) = &earlier[0] else {
        panic!("the thread comes first");
    };
    let copy = ThreadKey {
        user: key.user.clone(),
        thread: copy_id(row),
    };
    for expected in [Outcome::Copied(copy.clone()), Outcome::Kept] {
        let written = &write(&*store, &earlier, OnConflict::Copy).await[0];
        assert_eq!(written.outcome, expected);
    }
    assert_eq!(said(&*store, &copy, None).await, ["a", "b"]);
    assert_eq!(said(&*store, &key, None).await, ["a", "b", "c", "d"]);
    sound(&*store).await;
}

/// Whatever the policy, the second time finds everything there.
pub async fn writing_twice_changes_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let [earlier, _] = earlier_and_later(&*store, &ids).await;
    for policy in ALL {
        let mut all = rows(&*store, &Scope::User(alice())).await;
        all.truncate(1);
        all.extend(earlier.clone());
        write(&*store, &all, policy).await;
        let once = rows(&*store, &Scope::Whole).await;
        write(&*store, &all, policy).await;
        assert!(rows(&*store, &Scope::Whole).await == once, "{policy:?}");
    }
    sound(&*store).await;
}

/// What would happen is told, and does not.
pub async fn a_dry_run_writes_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let [earlier, _] = earlier_and_later(&*store, &ids).await;
    let own = rows(&*store, &Scope::User(alice())).await[..1].to_vec();
    let (thread, user) = (Part::Thread(thread_of(&earlier)), Part::User(alice()));
    for policy in ALL {
        for (part, comes) in [(&thread, &earlier), (&user, &own)] {
            let before = rows(&*store, &Scope::Whole).await;
            let told = store.write_rows(part, coming(comes), dry(policy)).await;
            assert!(rows(&*store, &Scope::Whole).await == before, "{policy:?}");
            let done = &write(&*store, comes, policy).await[0];
            assert_eq!(told.unwrap(), *done, "{policy:?}");
        }
    }
    let new = UserId::new("new").unwrap();
    let mut row = own[0].clone();
    if let Row::User(row) = &mut row {
        row.id = new.clone();
    }
    let part = Part::User(new.clone());
    let told = store
        .write_rows(&part, coming(&[row]), dry(OnConflict::Skip))
        .await
        .unwrap();
    assert_eq!((told.outcome, told.written), (Outcome::Created, 1));
    assert!(store.user(&new).await.unwrap().is_none());
}

/// Profiles, sessions, items and documents meet one by one; a hold stays.
pub async fn own_rows_meet_one_by_one(factory: &dyn Factory) {
    let (store, _) = (factory.open().await, Ids::new());
    let fill = async |name: &str, ms: i64| {
        let patch = UserPatch {
            name: Some(name.to_owned()),
            held: Some(true),
            ..UserPatch::default()
        };
        store.put_user(&alice(), patch).await.unwrap();
        let session = Session {
            id: "s".to_owned(),
            client: name.to_owned(),
            thread: None,
            started_ms: 1,
            last_ms: ms,
            turns: 1,
        };
        store.put_session(&alice(), session).await.unwrap();
    };
    fill("earlier", 1).await;
    let mut earlier = rows(&*store, &Scope::User(alice())).await;
    fill("later", 2).await;
    if let Row::User(row) = &mut earlier[0] {
        row.held = false;
        row.active_ms -= 1;
    }
    for (policy, name, written) in [
        (OnConflict::Skip, "later", 0),
        (OnConflict::Copy, "later", 0),
        (OnConflict::Newer, "later", 0),
        (OnConflict::Replace, "earlier", 2),
    ] {
        let done = &write(&*store, &earlier, policy).await[0];
        assert_eq!((done.written, done.skipped), (written, 2 - written));
        let user = store.user(&alice()).await.unwrap().unwrap();
        assert_eq!(user.name.as_deref(), Some(name), "{policy:?}");
        assert!(user.held, "{policy:?}");
        assert_eq!(store.sessions(&alice(), 9).await.unwrap()[0].client, name);
    }
    let record = store.put_record("key", "a", None, json("1")).await.unwrap();
    store
        .put_record("key", "a", Some(1), json("2"))
        .await
        .unwrap();
    let mut other = record.clone();
    other.id = "b".to_owned();
    for (policy, body) in [(OnConflict::Skip, "2"), (OnConflict::Replace, "1")] {
        let comes = [Row::Record(record.clone()), Row::Record(other.clone())];
        write(&*store, &comes, policy).await;
        let there = store.record("key", "a").await.unwrap().unwrap();
        assert_eq!(there.body, json(body));
        assert_eq!(store.record("key", "b").await.unwrap(), Some(other.clone()));
    }
    sound(&*store).await;
}

/// Nothing is taken from a run that goes on, nor from a user under hold.
pub async fn a_busy_or_held_thread_is_not_replaced(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let earlier = rows(&*store, &Scope::Thread(talk.key.clone())).await;
    let run = talk.begin("c").await;
    let replace = WriteRows {
        on_conflict: OnConflict::Replace,
        dry_run: false,
    };
    let part = Part::Thread(talk.key.clone());
    for how in [replace, dry(OnConflict::Replace)] {
        let refused = store.write_rows(&part, coming(&earlier), how).await;
        assert_eq!(kinds(&refused), Some(StoreErrorKind::Busy));
    }
    talk.finish(&run, "d").await;
    let hold = UserPatch {
        held: Some(true),
        ..UserPatch::default()
    };
    store.put_user(&alice(), hold).await.unwrap();
    for how in [replace, dry(OnConflict::Replace)] {
        let refused = store.write_rows(&part, coming(&earlier), how).await;
        assert_eq!(kinds(&refused), Some(StoreErrorKind::Held));
    }
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
}

/// A thread that took the place of another is written on, and by nobody who wrote on the other.
pub async fn a_replaced_thread_goes_on(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let first = talk.begin("a").await;
    talk.finish(&first, "b").await;
    let (head, len) = (talk.head, talk.len);
    let earlier = rows(&*store, &Scope::Thread(talk.key.clone())).await;
    let stale = talk.begin("c").await;
    let fence = talk.fence;
    talk.finish(&stale, "d").await;
    let session = Session {
        id: "s".to_owned(),
        client: "test".to_owned(),
        thread: Some(talk.key.thread.clone()),
        started_ms: 1,
        last_ms: 1,
        turns: 1,
    };
    store.put_session(&alice(), session.clone()).await.unwrap();
    write(&*store, &earlier, OnConflict::Replace).await;
    assert_eq!(store.sessions(&alice(), 9).await.unwrap(), [session]);
    (talk.head, talk.len) = (head, len);
    let late = talk.step().end(stale.id, fence).build();
    let refused = apply(&*store, late).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Fenced));
    let next = talk.begin("e").await;
    assert_eq!(talk.fence, Fence(fence.0 + 1));
    talk.finish(&next, "f").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "e", "f"]);
    assert_eq!(said(&*store, &key("alice", "1"), head).await, ["a", "b"]);
    sound(&*store).await;
}
