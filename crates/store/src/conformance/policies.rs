//! Runs: one at a time on a thread, and what happens to those that come later.

use std::collections::BTreeSet;
use std::sync::Arc;

use everthread_graph::contract::{
    Admission, At, Fence, Multitask, Namespace, NewRun, PendingWrites, RunMark, RunOutcome,
    StoreErrorKind,
};

use super::{Factory, Ids, Step, Talk, apply, kinds, live, load, said, sound};
use crate::{RunQuery, RunStatus, Store};

/// A run that lost its thread cannot write.
pub async fn a_stale_fence_is_refused(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let first = talk.begin("a").await;
    talk.finish(&first, "b").await;
    let second = talk.begin("c").await;
    assert_eq!(talk.fence, Fence(2));
    for (run, fence) in [
        (first.id, Fence(1)),
        (second.id, Fence(1)),
        (first.id, Fence(2)),
    ] {
        for step in [talk.step().step(run, fence), talk.step().end(run, fence)] {
            assert_eq!(
                kinds(&apply(&*store, step.build()).await),
                Some(StoreErrorKind::Fenced)
            );
        }
    }
    talk.finish(&second, "d").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
    sound(&*store).await;
}

/// The policy `Reject`.
pub async fn reject_is_busy(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let step = talk.step().start(&ids.new_run(Multitask::Reject));
    assert_eq!(
        kinds(&apply(&*store, step.build()).await),
        Some(StoreErrorKind::Busy)
    );
    talk.finish(&run, "b").await;
    talk.turn("c", "d").await;
}

/// A change by hand does not come between a run's steps.
pub async fn outside_of_a_run_an_active_one_is_busy(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let step = talk.step().set("x", "1");
    assert_eq!(
        kinds(&apply(&*store, step.build()).await),
        Some(StoreErrorKind::Busy)
    );
    talk.finish(&run, "b").await;
    talk.apply(talk.step().set("x", "1"), 0).await;
    sound(&*store).await;
}

async fn ask(talk: &Talk<'_>, run: &NewRun) -> Result<Admission, crate::StoreError> {
    let said = vec![talk.message("human", "queued")];
    apply(
        talk.store,
        talk.step().say(talk.len, said).start(run).build(),
    )
    .await
}

/// The policy `Enqueue`.
pub async fn waiting_runs_go_first_in_first_out(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let active = talk.begin("a").await;
    let waiting: Vec<NewRun> = (0..3).map(|_| ids.new_run(Multitask::Enqueue)).collect();
    for (n, run) in waiting.iter().enumerate() {
        assert_eq!(
            ask(&talk, run).await.unwrap(),
            Admission::Queued { ahead: n + 1 }
        );
        assert_eq!(
            ask(&talk, run).await.unwrap(),
            Admission::Queued { ahead: n + 1 }
        );
    }
    assert_eq!(
        said(&*store, &talk.key, None).await,
        ["a"],
        "a run that waits writes nothing"
    );
    let query = || RunQuery {
        statuses: vec![RunStatus::Pending],
        limit: 10,
        ..RunQuery::default()
    };
    let pending = store.runs(&talk.key, query()).await.unwrap();
    assert_eq!(pending.len(), 3);
    assert!(
        pending
            .iter()
            .all(|run| run.input == Some(waiting[0].input.clone()))
    );
    talk.finish(&active, "b").await;
    for (n, run) in waiting.iter().enumerate() {
        for later in &waiting[n + 1..] {
            assert!(matches!(
                ask(&talk, later).await.unwrap(),
                Admission::Queued { .. }
            ));
        }
        store.wait_turn(&talk.key, run.id).await.unwrap();
        let step = talk
            .step()
            .say(talk.len, vec![talk.message("human", &n.to_string())])
            .start(run);
        talk.apply(step, 1).await;
        talk.finish(run, "ok").await;
    }
    assert_eq!(
        said(&*store, &talk.key, None).await,
        ["a", "b", "0", "ok", "1", "ok", "2", "ok"]
    );
    assert!(store.runs(&talk.key, query()).await.unwrap().is_empty());
    sound(&*store).await;
}

/// Nobody can pile up runs without end.
pub async fn a_queue_is_bounded(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.begin("a").await;
    let mut queued = 0;
    let refused = loop {
        match ask(&talk, &ids.new_run(Multitask::Enqueue)).await {
            Ok(_) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued <= 1_000, "a queue has an end");
    };
    assert_eq!(refused.kind(), StoreErrorKind::QueueFull);
    assert!(refused.is_retryable() && queued > 10);
}

/// Whoever waits may stop waiting.
pub async fn a_run_can_be_withdrawn(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let active = talk.begin("a").await;
    let (first, second) = (
        ids.new_run(Multitask::Enqueue),
        ids.new_run(Multitask::Enqueue),
    );
    ask(&talk, &first).await.unwrap();
    ask(&talk, &second).await.unwrap();
    store.withdraw(&talk.key, first.id).await.unwrap();
    store.withdraw(&talk.key, first.id).await.unwrap();
    store.withdraw(&talk.key, ids.run()).await.unwrap();
    assert_eq!(
        ask(&talk, &second).await.unwrap(),
        Admission::Queued { ahead: 1 }
    );
    talk.finish(&active, "b").await;
    store.wait_turn(&talk.key, second.id).await.unwrap();
    let gone = store.wait_turn(&talk.key, first.id).await;
    assert_eq!(kinds(&gone), Some(StoreErrorKind::NotFound));
    sound(&*store).await;
}

/// Waiting needs a place in the queue.
pub async fn nobody_waits_for_a_run_that_does_not_wait(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let gone = store.wait_turn(&talk.key, ids.run()).await;
    assert_eq!(kinds(&gone), Some(StoreErrorKind::NotFound));
    let run = talk.begin("a").await;
    let gone = store.wait_turn(&talk.key, run.id).await;
    assert_eq!(kinds(&gone), Some(StoreErrorKind::NotFound));
}

/// The policy `Interrupt`.
pub async fn interrupt_stops_the_other_where_it_is(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let stopped = talk.begin("a").await;
    let run = ids.new_run(Multitask::Interrupt);
    let step = talk
        .step()
        .say(1, vec![talk.message("human", "b")])
        .start(&run);
    talk.apply(step, 1).await;
    let late = talk.step().end(stopped.id, Fence(1));
    assert_eq!(
        kinds(&apply(&*store, late.build()).await),
        Some(StoreErrorKind::Fenced)
    );
    talk.finish(&run, "c").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c"]);
    let runs = store
        .runs(
            &talk.key,
            RunQuery {
                limit: 10,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    let statuses: Vec<RunStatus> = runs.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Success, RunStatus::Interrupted]);
    sound(&*store).await;
}

/// The policy `Rollback`.
pub async fn rollback_takes_back_what_the_other_did(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let (base, ns) = (talk.head, Namespace::root().child("sub"));
    let stopped = talk.begin("wrong").await;
    let inner = Step::after(&ids, &talk.key, None).within(&ns).set("x", "1");
    apply(&*store, inner.step(stopped.id, talk.fence).build())
        .await
        .unwrap();
    let lost = talk.head;
    (talk.head, talk.len) = (base, 2);
    let run = ids.new_run(Multitask::Rollback);
    let step = talk
        .step()
        .say(2, vec![talk.message("human", "c")])
        .start(&run);
    talk.apply(step, 1).await;
    let late = talk.step().step(stopped.id, Fence(2));
    assert_eq!(
        kinds(&apply(&*store, late.build()).await),
        Some(StoreErrorKind::Fenced)
    );
    talk.finish(&run, "d").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
    assert_eq!(
        live(&*store, &talk.key, At::Head).await,
        ["a", "b", "c", "d"]
    );
    assert!(
        store
            .load(&talk.key, &ns, At::Head)
            .await
            .unwrap()
            .is_none()
    );
    let left = load(&*store, &talk.key, At::Id(lost.unwrap())).await;
    assert_eq!(
        left.checkpoint.parent, base,
        "what was taken back can still be looked at"
    );
    let query = RunQuery {
        statuses: vec![RunStatus::RolledBack],
        limit: 1,
        ..RunQuery::default()
    };
    assert_eq!(
        store.runs(&talk.key, query).await.unwrap()[0].id,
        stopped.id
    );
    sound(&*store).await;
}

/// The engine cannot know the head that a rollback leaves before it asks for one.
pub async fn rollback_stands_when_the_head_does_not_fit(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let base = talk.head;
    talk.begin("wrong").await;
    let run = ids.new_run(Multitask::Rollback);
    let step = talk
        .step()
        .say(3, vec![talk.message("human", "c")])
        .start(&run);
    assert_eq!(
        kinds(&apply(&*store, step.build()).await),
        Some(StoreErrorKind::Conflict)
    );
    let saved = load(&*store, &talk.key, At::Head).await;
    assert_eq!(Some(saved.checkpoint.id), base);
    assert!(saved.last > saved.checkpoint.id);
    (talk.head, talk.len) = (base, 2);
    let step = talk
        .step()
        .say(2, vec![talk.message("human", "c")])
        .start(&run);
    talk.apply(step, 1).await;
    talk.finish(&run, "d").await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
    sound(&*store).await;
}

/// A lost answer to the end of a run does no harm.
pub async fn the_end_of_a_run_that_is_sent_again_changes_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let end = PendingWrites {
        key: talk.key.clone(),
        checkpoint: talk.head.unwrap(),
        writes: Vec::new(),
        run: RunMark::End(run.id, Fence(1), RunOutcome::Error("no model".to_owned())),
    };
    for expected in [
        Admission::Applied(Fence(1)),
        Admission::AlreadyApplied(Fence(1)),
    ] {
        let mut ticket = store.write(end.clone()).await.unwrap();
        assert_eq!(ticket.admitted().await.unwrap(), expected);
        ticket.durable().await.unwrap();
    }
    let runs = store
        .runs(
            &talk.key,
            RunQuery {
                limit: 10,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Error));
    assert_eq!(runs[0].error.as_deref(), Some("no model"));
    talk.turn("b", "c").await;
    sound(&*store).await;
}

/// One turn, by somebody who knows nothing of the others.
pub async fn patient_turn(store: &dyn Store, ids: &Ids, talk: &Talk<'_>, text: &str) {
    let run = ids.new_run(Multitask::Enqueue);
    let question = talk.message("human", text);
    loop {
        let found = store
            .load(&talk.key, &Namespace::root(), At::Head)
            .await
            .unwrap();
        let head = found.as_ref().map(|saved| saved.checkpoint.id);
        let len = match &found {
            Some(_) => live(store, &talk.key, At::Id(head.unwrap())).await.len(),
            None => 0,
        };
        let asked = Step::after(ids, &talk.key, head)
            .say(len, vec![question.clone()])
            .start(&run);
        let id = asked.id();
        match apply(store, asked.build()).await {
            Ok(Admission::Queued { .. }) => store.wait_turn(&talk.key, run.id).await.unwrap(),
            Ok(Admission::Applied(fence) | Admission::AlreadyApplied(fence)) => {
                let answer = vec![talk.message("ai", text)];
                let answered = Step::after(ids, &talk.key, Some(id))
                    .say(len + 1, answer)
                    .end(run.id, fence);
                apply(store, answered.build()).await.unwrap();
                return;
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Conflict, "{error}"),
        }
    }
}

/// Every question and its answer once, one after the other.
pub async fn all_turns_are_there(store: &dyn Store, talk: &Talk<'_>, count: usize) {
    let texts = said(store, &talk.key, None).await;
    assert_eq!(texts.len(), 2 * count);
    assert!(texts.chunks(2).all(|turn| turn[0] == turn[1]), "{texts:?}");
    assert_eq!(texts.into_iter().collect::<BTreeSet<_>>().len(), count);
}

/// Fifty tasks on one thread wait for each other and nothing is lost.
pub async fn fifty_at_once_lose_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Arc::new(Ids::new()));
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let (store, ids) = (Arc::clone(&store), Arc::clone(&ids));
            tokio::spawn(async move {
                let talk = Talk::new(&*store, &ids, "alice", "1");
                patient_turn(&*store, &ids, &talk, &n.to_string()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let talk = Talk::new(&*store, &ids, "alice", "1");
    all_turns_are_there(&*store, &talk, 50).await;
    sound(&*store).await;
}
