//! Runs of a process that stopped without a word: they stay its own until its lease has run out, then others take them
//! up, and it cannot write any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everthread_graph::contract::{Admission, Fence, Multitask, StoreErrorKind};
use everthread_postgres::{PostgresOptions, PostgresStore};
use everthread_store::conformance::{Ids, Talk, apply, kinds, said, sound};
use everthread_store::{RunQuery, RunStatus, Store};
use tokio::runtime::Runtime;

use crate::conformance::SchemaFactory;

const LEASE: Duration = Duration::from_secs(2);

/// How long a test waits for what is to come.
const DEADLINE: Duration = Duration::from_secs(30);

fn options(factory: &SchemaFactory) -> PostgresOptions {
    let mut options = factory.options();
    options.lease = LEASE;
    options
}

/// A store on a runtime of its own, which can be stopped in the middle of everything, as a process is when it is killed.
struct Victim {
    runtime: Option<Runtime>,
    store: Arc<PostgresStore>,
}

impl Victim {
    async fn open(options: PostgresOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let opening = runtime.spawn(PostgresStore::open(options));
        let store = opening.await.unwrap().unwrap();
        Self {
            runtime: Some(runtime),
            store: Arc::new(store),
        }
    }

    /// Nothing of it runs from here on: its lease is neither renewed nor given back.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_process_that_was_killed_are_taken_up_when_its_lease_has_run_out() {
    let factory = SchemaFactory::new();
    let ids = Ids::by_clock();
    let other = PostgresStore::open(options(&factory)).await.unwrap();
    let mut victim = Victim::open(options(&factory)).await;
    let mut talk = Talk::new(&*victim.store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let fence = talk.fence;
    let waiting = ids.new_run(Multitask::Enqueue);
    let queued = apply(&*victim.store, talk.step().start(&waiting).build()).await;
    assert_eq!(queued.unwrap(), Admission::Queued { ahead: 1 });
    let (key, head, len) = (talk.key.clone(), talk.head, talk.len);

    let killed = Instant::now();
    victim.kill();
    assert!(
        other.live_threads(10).await.unwrap().is_empty(),
        "its lease still runs"
    );
    let refused = Talk {
        store: &other,
        ids: &ids,
        key: key.clone(),
        head,
        len,
        fence,
    };
    let step = refused.step().start(&ids.new_run(Multitask::Reject));
    assert_eq!(
        kinds(&apply(&other, step.build()).await),
        Some(StoreErrorKind::Busy)
    );

    while other.live_threads(10).await.unwrap().is_empty() {
        assert!(killed.elapsed() < DEADLINE, "the lease never runs out");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        killed.elapsed() < LEASE * 2,
        "within the lease: {:?}",
        killed.elapsed()
    );
    let claimed = other.claim(&key).await.unwrap().waiting;
    assert_eq!(
        claimed.iter().map(|run| run.id).collect::<Vec<_>>(),
        [waiting.id]
    );
    let orphans = RunQuery {
        statuses: vec![RunStatus::Orphaned],
        ..RunQuery::default()
    };
    assert_eq!(other.runs(&key, orphans).await.unwrap()[0].id, run.id);

    // The one that was killed is back, and does not know.
    let late = refused.step().end(run.id, fence);
    assert_eq!(
        kinds(&apply(&other, late.build()).await),
        Some(StoreErrorKind::Fenced)
    );
    let mut talk = refused;
    let step = talk.step().start(&waiting);
    assert_eq!(
        talk.apply(step, 0).await,
        Admission::Applied(Fence(fence.0 + 1))
    );
    talk.finish(&waiting, "b").await;
    assert_eq!(said(&other, &key, None).await, ["a", "b"]);
    sound(&other).await;
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_for_as_long_as_its_process_lives() {
    let factory = SchemaFactory::new();
    let ids = Ids::by_clock();
    let (one, other) = (
        PostgresStore::open(options(&factory)).await.unwrap(),
        PostgresStore::open(options(&factory)).await.unwrap(),
    );
    let mut talk = Talk::new(&one, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let begun = Instant::now();
    while begun.elapsed() < LEASE * 3 / 2 {
        assert!(other.live_threads(10).await.unwrap().is_empty());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    talk.finish(&run, "b").await;
    one.close().await.unwrap();
    other.close().await.unwrap();
}
