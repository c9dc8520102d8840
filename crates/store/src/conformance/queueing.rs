//! Runs that are queued before anybody begins them, runs that are removed, runs that are left.

use everthread_graph::contract::{Admission, Multitask, NewRun, RunId, StoreErrorKind};

use super::{Factory, Ids, Talk, json, kinds, load, said, sound};
use crate::{Run, RunQuery, RunStatus, Store};

async fn the_run(store: &dyn Store, talk: &Talk<'_>, id: RunId) -> Option<Run> {
    store.run(&talk.key, id).await.unwrap()
}

fn asked(ids: &Ids, policy: Multitask) -> NewRun {
    NewRun {
        details: Some(json("{\"assistant\":\"a\"}")),
        ..ids.new_run(policy)
    }
}

/// What is kept with a run stays with it, whichever way it began.
pub async fn details_stay_with_a_run(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let direct = asked(&ids, Multitask::Reject);
    let queued = asked(&ids, Multitask::Enqueue);
    let step = talk.step().start(&direct);
    talk.apply(step, 0).await;
    assert_eq!(
        store
            .enqueue_run(&talk.key, queued.clone(), Some(5))
            .await
            .unwrap(),
        1
    );
    let step = talk.step().end(direct.id, talk.fence);
    talk.apply(step, 0).await;
    let waits = the_run(&*store, &talk, queued.id).await.unwrap();
    assert_eq!(
        (waits.status, waits.starts_ms),
        (RunStatus::Pending, Some(5))
    );
    assert_eq!(waits.input, Some(json("\"input\"")));
    let step = talk.step().start(&NewRun {
        details: None,
        ..queued.clone()
    });
    talk.apply(step, 0).await;
    let step = talk.step().end(queued.id, talk.fence);
    talk.apply(step, 0).await;
    for (new, policy, starts_ms) in [
        (&direct, Multitask::Reject, None),
        (&queued, Multitask::Enqueue, Some(5)),
    ] {
        let run = the_run(&*store, &talk, new.id).await.unwrap();
        assert_eq!(
            (run.status, &run.details),
            (RunStatus::Success, &new.details)
        );
        assert_eq!((run.policy, run.starts_ms), (policy, starts_ms));
    }
    assert_eq!(the_run(&*store, &talk, ids.run()).await, None);
    let strange = Talk::new(&*store, &ids, "bob", "1");
    assert_eq!(the_run(&*store, &strange, direct.id).await, None);
    sound(&*store).await;
}

/// First in, first out; the same call again changes nothing; a run that began is not queued again.
pub async fn a_queued_run_waits_for_its_turn(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let [first, second] = [
        ids.new_run(Multitask::Enqueue),
        ids.new_run(Multitask::Enqueue),
    ];
    for _ in 0..2 {
        assert_eq!(
            store
                .enqueue_run(&talk.key, first.clone(), None)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            store
                .enqueue_run(&talk.key, second.clone(), None)
                .await
                .unwrap(),
            1
        );
    }
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert_eq!((thread.messages, thread.head), (0, None));
    store.wait_turn(&talk.key, first.id).await.unwrap();
    let step = talk.step().start(&second);
    let queued = super::apply(&*store, step.build()).await.unwrap();
    assert_eq!(queued, Admission::Queued { ahead: 1 });
    let step = talk
        .step()
        .say(0, vec![talk.message("human", "a")])
        .start(&first);
    talk.apply(step, 1).await;
    let again = store.enqueue_run(&talk.key, first.clone(), None).await;
    assert_eq!(kinds(&again), Some(StoreErrorKind::Exists));
    talk.finish(&first, "b").await;
    let again = store.enqueue_run(&talk.key, first, None).await;
    assert_eq!(kinds(&again), Some(StoreErrorKind::Exists));
    store.wait_turn(&talk.key, second.id).await.unwrap();
    let step = talk.step().start(&second);
    talk.apply(step, 0).await;
    talk.finish(&second, "c").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c"]);
    sound(&*store).await;
}

/// Reject is decided at once, the other policies when the run begins.
pub async fn policies_apply_when_a_queued_run_begins(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let alone = ids.new_run(Multitask::Reject);
    store
        .enqueue_run(&talk.key, alone.clone(), None)
        .await
        .unwrap();
    let refused = store
        .enqueue_run(&talk.key, ids.new_run(Multitask::Reject), None)
        .await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Busy));
    let step = talk
        .step()
        .say(0, vec![talk.message("human", "a")])
        .start(&alone);
    talk.apply(step, 1).await;
    let refused = store
        .enqueue_run(&talk.key, ids.new_run(Multitask::Reject), None)
        .await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Busy));
    let hasty = ids.new_run(Multitask::Rollback);
    assert_eq!(
        store
            .enqueue_run(&talk.key, hasty.clone(), None)
            .await
            .unwrap(),
        1
    );
    let active = the_run(&*store, &talk, alone.id).await.unwrap();
    assert_eq!(active.status, RunStatus::Running, "nothing happens yet");
    // The head went back to nothing, which the writer is told by a conflict.
    let conflict = super::apply(&*store, talk.step().start(&hasty).build()).await;
    assert_eq!(kinds(&conflict), Some(StoreErrorKind::Conflict));
    (talk.head, talk.len) = (None, 0);
    let step = talk
        .step()
        .say(0, vec![talk.message("human", "b")])
        .start(&hasty);
    talk.apply(step, 1).await;
    talk.finish(&hasty, "c").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["b", "c"]);
    let run = the_run(&*store, &talk, alone.id).await.unwrap();
    assert_eq!(run.status, RunStatus::RolledBack);
    sound(&*store).await;
}

/// Before its time a run is not admitted, whatever its policy, and holds nobody up.
pub async fn a_run_does_not_begin_before_its_time(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for policy in [Multitask::Enqueue, Multitask::Interrupt] {
        let early = ids.new_run(policy);
        store
            .enqueue_run(&talk.key, early.clone(), Some(i64::MAX))
            .await
            .unwrap();
        let begun = talk.begin("a").await;
        let tried = super::apply(&*store, talk.step().start(&early).build()).await;
        assert!(matches!(tried, Ok(Admission::Queued { .. })), "{tried:?}");
        talk.finish(&begun, "b").await;
        let tried = super::apply(&*store, talk.step().start(&early).build()).await;
        assert!(
            matches!(tried, Ok(Admission::Queued { ahead: 0 })),
            "{tried:?}"
        );
        let patient = ids.new_run(Multitask::Enqueue);
        let ahead = store.enqueue_run(&talk.key, patient.clone(), Some(1)).await;
        assert_eq!(ahead.unwrap(), 0);
        store.wait_turn(&talk.key, patient.id).await.unwrap();
        let step = talk.step().start(&patient);
        assert!(matches!(talk.apply(step, 0).await, Admission::Applied(_)));
        talk.finish(&patient, "c").await;
        store.withdraw(&talk.key, early.id).await.unwrap();
        let withdrawn = the_run(&*store, &talk, early.id).await.unwrap();
        assert_eq!(withdrawn.status, RunStatus::Cancelled);
    }
    sound(&*store).await;
}

/// By their statuses, a page at a time.
pub async fn runs_come_by_status_and_in_pages(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for _ in 0..3 {
        talk.turn("a", "b").await;
    }
    let waiting = ids.new_run(Multitask::Enqueue);
    store.enqueue_run(&talk.key, waiting, None).await.unwrap();
    let count = async |statuses: Vec<RunStatus>, offset| {
        let query = RunQuery {
            statuses,
            offset,
            ..RunQuery::default()
        };
        store.runs(&talk.key, query).await.unwrap().len()
    };
    assert_eq!(count(vec![], 0).await, 4);
    assert_eq!(count(vec![], 3).await, 1);
    assert_eq!(count(vec![RunStatus::Success], 1).await, 2);
    assert_eq!(
        count(vec![RunStatus::Success, RunStatus::Pending], 0).await,
        4
    );
    assert_eq!(count(vec![RunStatus::Error], 0).await, 0);
}

/// Its row and its events go; what it said stays.
pub async fn an_ended_run_can_be_deleted(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let busy = store.delete_run(&talk.key, run.id).await;
    assert_eq!(kinds(&busy), Some(StoreErrorKind::Busy));
    let event = crate::RunEvent {
        seq: 1,
        body: json("1"),
    };
    store
        .append_events(&talk.key, run.id, vec![event])
        .await
        .unwrap();
    talk.finish(&run, "b").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    store
        .enqueue_run(&talk.key, waiting.clone(), None)
        .await
        .unwrap();
    let busy = store.delete_run(&talk.key, waiting.id).await;
    assert_eq!(kinds(&busy), Some(StoreErrorKind::Busy));
    store.delete_run(&talk.key, run.id).await.unwrap();
    assert_eq!(the_run(&*store, &talk, run.id).await, None);
    assert!(
        store
            .events(&talk.key, run.id, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b"]);
    let head = load(&*store, &talk.key, everthread_graph::contract::At::Head).await;
    assert_eq!(
        (Some(head.checkpoint.id), head.checkpoint.run),
        (talk.head, None)
    );
    let gone = store.delete_run(&talk.key, run.id).await;
    assert_eq!(kinds(&gone), Some(StoreErrorKind::NotFound));
    sound(&*store).await;
    store.withdraw(&talk.key, waiting.id).await.unwrap();
    talk.turn("c", "d").await;
    assert_eq!(store.thread(&talk.key).await.unwrap().unwrap().turns, 1);
    sound(&*store).await;
}

/// Live or ended, what it did is taken back, and its row is gone.
pub async fn a_run_can_be_taken_back(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for ended in [false, true] {
        let (head, len) = (talk.head, talk.len);
        let run = talk.begin("a").await;
        let fence = talk.fence;
        if ended {
            talk.finish(&run, "b").await;
        }
        store.rollback_run(&talk.key, run.id).await.unwrap();
        let thread = store.thread(&talk.key).await.unwrap().unwrap();
        assert_eq!((thread.head, thread.messages), (head, len as u64));
        assert_eq!(thread.turns, len as u64 / 2);
        assert_eq!(the_run(&*store, &talk, run.id).await, None);
        let late = super::apply(&*store, talk.step().end(run.id, fence).build()).await;
        assert_eq!(kinds(&late), Some(StoreErrorKind::Fenced));
        (talk.head, talk.len) = (head, len);
        talk.turn("c", "d").await;
        sound(&*store).await;
    }
    assert_eq!(said(&*store, &talk.key, None).await, ["c", "d", "c", "d"]);
}

/// Only the last run can be taken back; one that never began is simply gone.
pub async fn a_run_that_others_built_upon_stays(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let first = talk.begin("a").await;
    talk.finish(&first, "b").await;
    let second = talk.begin("c").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    store
        .enqueue_run(&talk.key, waiting.clone(), None)
        .await
        .unwrap();
    let refused = store.rollback_run(&talk.key, first.id).await;
    assert_eq!(kinds(&refused), Some(StoreErrorKind::Conflict));
    store.rollback_run(&talk.key, waiting.id).await.unwrap();
    assert_eq!(the_run(&*store, &talk, waiting.id).await, None);
    talk.finish(&second, "d").await;
    let step = talk.step().set("x", "1");
    talk.apply(step, 0).await;
    for run in [&first, &second] {
        let refused = store.rollback_run(&talk.key, run.id).await;
        assert_eq!(kinds(&refused), Some(StoreErrorKind::Conflict));
    }
    let gone = store.rollback_run(&talk.key, waiting.id).await;
    assert_eq!(kinds(&gone), Some(StoreErrorKind::NotFound));
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
    sound(&*store).await;
}

/// A process that starts is told where others that are gone left something.
pub async fn threads_of_a_process_that_is_gone_are_told(factory: &dyn Factory) {
    let ids = Ids::new();
    let (gone, here) = (factory.open().await, factory.open().await);
    let mut active = Talk::new(&*gone, &ids, "alice", "active");
    active.begin("a").await;
    let waiting = Talk::new(&*gone, &ids, "bob", "waiting");
    for _ in 0..2 {
        let run = ids.new_run(Multitask::Enqueue);
        gone.enqueue_run(&waiting.key, run, None).await.unwrap();
    }
    let mut ended = Talk::new(&*gone, &ids, "bob", "ended");
    ended.turn("a", "b").await;
    let mut own = Talk::new(&*here, &ids, "carol", "own");
    own.begin("a").await;
    assert!(here.live_threads(9).await.unwrap().is_empty());
    gone.close().await.unwrap();
    let mut left = here.live_threads(9).await.unwrap();
    left.sort();
    assert_eq!(left, [active.key.clone(), waiting.key.clone()]);
    assert_eq!(here.live_threads(1).await.unwrap().len(), 1);
    let taken = here.claim(&waiting.key).await.unwrap().waiting;
    assert_eq!(taken.len(), 2);
    assert_eq!(here.live_threads(9).await.unwrap(), [active.key.clone()]);
    let orphan = here.claim(&active.key).await.unwrap();
    assert!(orphan.active.is_some() && orphan.waiting.is_empty());
    assert!(here.live_threads(9).await.unwrap().is_empty());
    sound(&*here).await;
}
