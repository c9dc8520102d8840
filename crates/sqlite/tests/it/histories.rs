//! Random histories against a plain reference: every checkpoint that is there restores as what was recorded.

mod reference;

use everthread_graph::contract::Namespace;
use everthread_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use everthread_store::conformance::{Ids, sound};
use everthread_store::{Kept, Store};
use proptest::prelude::*;
use reference::{Reference, Said};

/// One thing that happens to a thread.
#[derive(Debug, Clone)]
enum Event {
    /// A step after the head.
    Step(Said),
    /// A step after an older checkpoint, counted back from the newest.
    Fork(usize, Said),
    /// A step of a subgraph.
    Inside(Said),
    Prune(u32),
    Settle,
    Reopen,
}

fn said() -> impl Strategy<Value = Said> {
    let fates = prop::collection::vec(0_u8..12, 0..12);
    (fates, 0_u8..4, 0_u8..6).prop_map(|(fates, appended, value)| Said {
        fates,
        appended,
        value,
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => said().prop_map(Event::Step),
        4 => (0_usize..20, said()).prop_map(|(back, said)| Event::Fork(back, said)),
        3 => said().prop_map(Event::Inside),
        1 => (0_u32..6).prop_map(Event::Prune),
        1 => Just(Event::Settle),
        1 => Just(Event::Reopen),
    ]
}

fn open(dir: &tempfile::TempDir) -> SqliteStore {
    let mut options = SqliteOptions::at(dir.path().join("chat.db"));
    // What a power cut leaves is another test's.
    options.synchronous = Synchronous::Off;
    SqliteStore::open(options).unwrap()
}

async fn play(events: Vec<Event>) {
    let dir = tempfile::tempdir().unwrap();
    let ids = Ids::new();
    let mut store = open(&dir);
    let mut reference = Reference::new();
    let (root, inside) = (Namespace::root(), Namespace::root().child("sub"));
    for event in events {
        match event {
            Event::Step(said) => reference.step(&store, &ids, &root, None, &said).await,
            Event::Inside(said) => reference.step(&store, &ids, &inside, None, &said).await,
            Event::Fork(back, said) => reference.step(&store, &ids, &root, Some(back), &said).await,
            Event::Prune(count) if reference.is_begun() => {
                let pruned = store
                    .prune(reference.key(), Kept::Newest(count))
                    .await
                    .unwrap();
                reference.forget_pruned(&store, pruned.checkpoints).await;
            }
            Event::Prune(_) => {}
            Event::Settle => store.settle().await.unwrap(),
            Event::Reopen => {
                store.close().await.unwrap();
                store = open(&dir);
            }
        }
    }
    reference.compare(&store).await;
    sound(&store).await;
    store.close().await.unwrap();
    let store = open(&dir);
    reference.compare(&store).await;
}

#[test]
fn every_checkpoint_restores_as_it_was_recorded() {
    let long = std::env::var_os("EVERTHREAD_LONG").is_some();
    let config = ProptestConfig {
        cases: if long { 1_000 } else { 40 },
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    proptest!(config, |(events in prop::collection::vec(event(), 1..80))| {
        runtime.block_on(play(events));
    });
}

/// The same over one long thread.
#[tokio::test]
async fn two_thousand_turns_restore_every_checkpoint() {
    let mut events = Vec::new();
    for turn in 0..2_000_usize {
        let fates = match turn % 50 {
            // A summary, a message taken back, an edit.
            10 => vec![9],
            20 => vec![0, 0, 0, 10, 0, 0, 0, 0],
            30 => vec![0, 0, 0, 0, 0, 0, 11, 0, 0],
            _ => Vec::new(),
        };
        let said = Said {
            fates,
            appended: 2,
            value: u8::try_from(turn % 6).unwrap(),
        };
        events.push(match turn % 97 {
            0 => Event::Fork(5, said),
            _ => Event::Step(said),
        });
    }
    play(events).await;
}
