//! Retention of checkpoints.

use everthread_graph::contract::{
    At, Change, Dropped, Fence, HistoryQuery, ListDelta, Multitask, PendingWrites, Piece, Removal,
    RunMark, RunOutcome, StoreErrorKind, TaskWrites, WriteSlot,
};

use super::{Factory, Ids, Talk, json, key, kinds, live, load, said, sound};
use crate::{Kept, Store, TRANSCRIPT};

async fn checkpoints(store: &dyn Store, talk: &Talk<'_>) -> usize {
    let query = HistoryQuery {
        ns: None,
        before: None,
        limit: 1_000,
    };
    store.history(&talk.key, query).await.unwrap().len()
}

/// What stays can be restored, although lists build on each other; messages stay all.
pub async fn old_checkpoints_go_and_the_others_restore(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let mut held: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for n in 0..60_u32 {
        let words = [format!("a{n}"), format!("b{n}"), format!("c{n}")];
        let len = u32::try_from(held.len()).unwrap();
        let delta = ListDelta {
            base_len: len,
            pieces: vec![
                Piece::Keep(0..len.saturating_sub(2)),
                Piece::Keep(len.saturating_sub(1)..len),
                Piece::New(0..3),
            ],
            elements: words
                .iter()
                .map(|word| talk.message("human", word))
                .collect(),
            dropped: if len == 0 {
                Vec::new()
            } else {
                vec![Dropped {
                    range: len - 2..len - 1,
                    reason: Removal::User,
                }]
            },
        };
        if len > 0 {
            held.remove(held.len() - 2);
        }
        held.extend(words);
        talk.apply(talk.step().change(TRANSCRIPT, Change::List(delta)), 0)
            .await;
        seen.push((talk.head.unwrap(), held.clone()));
    }
    let pruned = store.prune(&talk.key, Kept::Newest(5)).await.unwrap();
    assert_eq!(pruned.checkpoints, 55);
    assert!(pruned.changes >= 54);
    assert_eq!(checkpoints(&*store, &talk).await, 5);
    for (at, held) in &seen[55..] {
        assert_eq!(&live(&*store, &talk.key, At::Id(*at)).await, held);
        assert_eq!(&said(&*store, &talk.key, Some(*at)).await, held);
    }
    sound(&*store).await;
    assert_eq!(
        store.prune(&talk.key, Kept::Newest(5)).await.unwrap(),
        crate::Pruned::default()
    );
    talk.len = held.len();
    talk.turn("x", "y").await;
    store.prune(&talk.key, Kept::Newest(0)).await.unwrap();
    assert_eq!(checkpoints(&*store, &talk).await, 1);
    held.extend(["x".to_owned(), "y".to_owned()]);
    assert_eq!(live(&*store, &talk.key, At::Head).await, held);
    assert_eq!(
        store.thread(&talk.key).await.unwrap().unwrap().messages,
        held.len() as u64
    );
    sound(&*store).await;
}

/// A question that waits for its answer outlives the rule.
pub async fn heads_and_waiting_runs_stay(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let early = talk.turn("a", "b").await;
    let run = talk.begin("c").await;
    let waiting = talk.head.unwrap();
    let question = PendingWrites {
        key: talk.key.clone(),
        checkpoint: waiting,
        writes: vec![TaskWrites {
            task: ids.task(),
            slot: WriteSlot::Interrupt,
            body: json("\"?\""),
        }],
        run: RunMark::End(run.id, Fence(2), RunOutcome::Interrupted),
    };
    store
        .write(question)
        .await
        .unwrap()
        .durable()
        .await
        .unwrap();
    talk.apply(talk.step().from(Some(early)), 0).await;
    talk.len = 2;
    talk.turn("d", "e").await;
    store.prune(&talk.key, Kept::Newest(0)).await.unwrap();
    assert_eq!(checkpoints(&*store, &talk).await, 2);
    assert_eq!(
        load(&*store, &talk.key, At::Id(waiting))
            .await
            .pending
            .len(),
        1
    );
    assert_eq!(live(&*store, &talk.key, At::Head).await.concat(), "abde");
    assert_eq!(
        said(&*store, &talk.key, Some(waiting)).await.concat(),
        "abc"
    );
    sound(&*store).await;
    let missing = store.prune(&key("alice", "2"), Kept::Newest(1)).await;
    assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));
}

/// A run's own checkpoints are not taken from under it.
pub async fn a_thread_with_an_active_run_is_not_pruned(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let run = ids.new_run(Multitask::Reject);
    talk.apply(talk.step().start(&run), 0).await;
    let busy = store.prune(&talk.key, Kept::Newest(1)).await;
    assert_eq!(kinds(&busy), Some(StoreErrorKind::Busy));
    talk.finish(&run, "c").await;
    assert_eq!(
        store
            .prune(&talk.key, Kept::Newest(1))
            .await
            .unwrap()
            .checkpoints,
        3
    );
    sound(&*store).await;
}
