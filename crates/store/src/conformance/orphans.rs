//! Runs whose process is gone.

use std::sync::Arc;

use everthread_graph::contract::{Admission, Fence, Multitask, StoreErrorKind};

use super::policies::{all_turns_are_there, patient_turn};
use super::{Factory, Ids, Talk, apply, kinds, said, sound};
use crate::{RunQuery, RunStatus};

/// Nobody has to wait for a lease to run out.
pub async fn a_run_whose_process_is_gone_gives_way(factory: &dyn Factory) {
    let (first, second, ids) = (factory.open().await, factory.open().await, Ids::new());
    let mut talk = Talk::new(&*first, &ids, "alice", "1");
    let run = talk.begin("a").await;
    talk.store = &*second;
    let step = talk.step().start(&ids.new_run(Multitask::Reject));
    assert_eq!(
        kinds(&apply(&*second, step.build()).await),
        Some(StoreErrorKind::Busy)
    );
    first.close().await.unwrap();
    let next = talk.begin("b").await;
    assert_eq!(talk.fence, Fence(2));
    let late = talk.step().end(run.id, Fence(1));
    assert_eq!(
        kinds(&apply(&*second, late.build()).await),
        Some(StoreErrorKind::Fenced)
    );
    talk.finish(&next, "c").await;
    assert_eq!(said(&*second, &talk.key, None).await, ["a", "b", "c"]);
    let query = RunQuery {
        statuses: vec![RunStatus::Orphaned],
        limit: 10,
        ..RunQuery::default()
    };
    assert_eq!(second.runs(&talk.key, query).await.unwrap()[0].id, run.id);
    sound(&*second).await;
}

/// A queue goes on past those whom nobody will run.
pub async fn a_waiting_run_whose_process_is_gone_holds_nobody_up(factory: &dyn Factory) {
    let (first, second, ids) = (factory.open().await, factory.open().await, Ids::new());
    let mut talk = Talk::new(&*second, &ids, "alice", "1");
    let active = talk.begin("a").await;
    let (gone, there) = (
        ids.new_run(Multitask::Enqueue),
        ids.new_run(Multitask::Enqueue),
    );
    apply(&*first, talk.step().start(&gone).build())
        .await
        .unwrap();
    let queued = apply(&*second, talk.step().start(&there).build())
        .await
        .unwrap();
    assert_eq!(queued, Admission::Queued { ahead: 2 });
    first.close().await.unwrap();
    talk.finish(&active, "b").await;
    second.wait_turn(&talk.key, there.id).await.unwrap();
    let step = talk.step().start(&there);
    assert_eq!(talk.apply(step, 0).await, Admission::Applied(Fence(2)));
    sound(&*second).await;
}

/// Inputs that waited are not lost with their process.
pub async fn runs_of_a_process_that_is_gone_can_be_claimed(factory: &dyn Factory) {
    let (first, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*first, &ids, "alice", "1");
    let active = talk.begin("a").await;
    let waiting = [
        ids.new_run(Multitask::Enqueue),
        ids.new_run(Multitask::Enqueue),
    ];
    for run in &waiting {
        apply(&*first, talk.step().start(run).build())
            .await
            .unwrap();
    }
    assert!(
        first.claim(&talk.key).await.unwrap().is_empty(),
        "its own are not claimed"
    );
    first.close().await.unwrap();
    let second = factory.open().await;
    let claimed = second.claim(&talk.key).await.unwrap();
    let orphan = claimed
        .active
        .expect("the active one is told to who claims it");
    assert_eq!((orphan.id, orphan.status), (active.id, RunStatus::Orphaned));
    let ids_of: Vec<_> = claimed.waiting.iter().map(|run| run.id).collect();
    assert_eq!(ids_of, [waiting[0].id, waiting[1].id]);
    assert!(
        claimed
            .waiting
            .iter()
            .all(|run| run.input.as_ref() == Some(&waiting[0].input))
    );
    assert!(second.claim(&talk.key).await.unwrap().is_empty());
    let query = RunQuery {
        statuses: vec![RunStatus::Orphaned],
        limit: 10,
        ..RunQuery::default()
    };
    assert_eq!(
        second.runs(&talk.key, query).await.unwrap()[0].id,
        active.id
    );
    talk.store = &*second;
    for run in &waiting {
        second.wait_turn(&talk.key, run.id).await.unwrap();
        let step = talk
            .step()
            .say(talk.len, vec![talk.message("human", "later")])
            .start(run);
        talk.apply(step, 1).await;
        talk.finish(run, "ok").await;
    }
    assert_eq!(
        said(&*second, &talk.key, None).await,
        ["a", "later", "ok", "later", "ok"]
    );
    sound(&*second).await;
}

/// Whoever claims runs need not be able to carry them out.
pub async fn claimed_runs_can_be_withdrawn(factory: &dyn Factory) {
    let (first, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*first, &ids, "alice", "1");
    talk.begin("a").await;
    let waiting = [
        ids.new_run(Multitask::Enqueue),
        ids.new_run(Multitask::Enqueue),
    ];
    for run in &waiting {
        apply(&*first, talk.step().start(run).build())
            .await
            .unwrap();
    }
    first.close().await.unwrap();
    let (second, third) = (factory.open().await, factory.open().await);
    assert_eq!(second.claim(&talk.key).await.unwrap().waiting.len(), 2);
    assert!(
        third.claim(&talk.key).await.unwrap().is_empty(),
        "their owner is alive"
    );
    second.withdraw(&talk.key, waiting[0].id).await.unwrap();
    let gone = second.wait_turn(&talk.key, waiting[0].id).await;
    assert_eq!(kinds(&gone), Some(StoreErrorKind::NotFound));
    second.wait_turn(&talk.key, waiting[1].id).await.unwrap();
    let step = talk.step().start(&ids.new_run(Multitask::Reject));
    assert_eq!(
        kinds(&apply(&*third, step.build()).await),
        Some(StoreErrorKind::Busy),
        "one of them waits still"
    );
    second.withdraw(&talk.key, waiting[1].id).await.unwrap();
    assert!(second.claim(&talk.key).await.unwrap().is_empty());
    let query = RunQuery {
        statuses: vec![RunStatus::Cancelled],
        limit: 10,
        ..RunQuery::default()
    };
    let cancelled = third.runs(&talk.key, query).await.unwrap();
    let ids_of: Vec<_> = cancelled.iter().map(|run| run.id).collect();
    assert_eq!(ids_of, [waiting[1].id, waiting[0].id]);
    assert!(cancelled.iter().all(|run| run.input.is_none()));
    talk.store = &*third;
    talk.turn("b", "c").await;
    assert_eq!(said(&*second, &talk.key, None).await, ["a", "b", "c"]);
    sound(&*third).await;
}

/// A process hears of the end of another one's run.
pub async fn another_process_lets_a_waiting_run_go(factory: &dyn Factory) {
    let (first, second, ids) = (factory.open().await, factory.open().await, Ids::new());
    let mut talk = Talk::new(&*first, &ids, "alice", "1");
    let active = talk.begin("a").await;
    let waiting = ids.new_run(Multitask::Enqueue);
    apply(&*second, talk.step().start(&waiting).build())
        .await
        .unwrap();
    let (key, store) = (talk.key.clone(), Arc::clone(&second));
    let run = waiting.id;
    let turn = tokio::spawn(async move { store.wait_turn(&key, run).await });
    talk.finish(&active, "b").await;
    turn.await.unwrap().unwrap();
    talk.store = &*second;
    let step = talk.step().start(&waiting);
    assert_eq!(talk.apply(step, 0).await, Admission::Applied(Fence(2)));
}

/// Two processes wait for each other on one thread.
pub async fn two_processes_on_one_thread_lose_nothing(factory: &dyn Factory) {
    let stores = [factory.open().await, factory.open().await];
    let ids = Arc::new(Ids::new());
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (store, ids) = (Arc::clone(&stores[n % 2]), Arc::clone(&ids));
            tokio::spawn(async move {
                let talk = Talk::new(&*store, &ids, "alice", "1");
                patient_turn(&*store, &ids, &talk, &n.to_string()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let talk = Talk::new(&*stores[0], &ids, "alice", "1");
    all_turns_are_there(&*stores[0], &talk, 20).await;
    sound(&*stores[1]).await;
}
