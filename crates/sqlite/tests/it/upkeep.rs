//! What happens beside the turns: the index, free pages, files, groups.

use std::sync::Arc;

use async_trait::async_trait;
use everthread_graph::contract::{Checkpointer, Fence, Multitask};
use everthread_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use everthread_store::conformance::{self, Factory, Ids, Talk, sound};
use everthread_store::{Search, Store, StoreErrorKind};

/// Stores in memory; each is alone.
struct MemoryFactory;

#[async_trait]
impl Factory for MemoryFactory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(SqliteOptions::memory()).unwrap())
    }
}

#[tokio::test]
async fn a_store_in_memory_keeps_the_rules_too() {
    conformance::policies::fifty_at_once_lose_nothing(&MemoryFactory).await;
    conformance::policies::waiting_runs_go_first_in_first_out(&MemoryFactory).await;
    conformance::policies::rollback_takes_back_what_the_other_did(&MemoryFactory).await;
    conformance::lists::each_way_to_change_a_list_restores(&MemoryFactory).await;
    conformance::searching::users_see_their_own_only(&MemoryFactory).await;
    conformance::pruning::old_checkpoints_go_and_the_others_restore(&MemoryFactory).await;
    conformance::deletion::a_thread_goes_with_everything_of_it(&MemoryFactory).await;
    conformance::reading::statistics_count_everything(&MemoryFactory).await;
    conformance::users::an_erased_user_leaves_nothing(&MemoryFactory).await;
    conformance::threads::a_copy_says_what_its_source_says(&MemoryFactory).await;
    conformance::queueing::a_queued_run_waits_for_its_turn(&MemoryFactory).await;
    conformance::queueing::a_run_can_be_taken_back(&MemoryFactory).await;
    conformance::events::old_events_go(&MemoryFactory).await;
}

#[tokio::test]
async fn the_space_of_a_deleted_thread_returns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let mut options = SqliteOptions::at(&path);
    options.synchronous = Synchronous::Off;
    let (store, ids) = (SqliteStore::open(options).unwrap(), Ids::new());
    let mut small = Talk::new(&store, &ids, "alice", "small");
    small.turn("a", "b").await;
    let mut large = Talk::new(&store, &ids, "alice", "large");
    for n in 0..200 {
        large
            .turn(&format!("{n} {}", "x ".repeat(2_000)), "ok")
            .await;
    }
    store.settle().await.unwrap();
    let before = store.stats().await.unwrap().live_bytes;
    store.delete_thread(&large.key).await.unwrap();
    store.close().await.unwrap();
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(after * 4 < before, "{before} bytes became {after}");
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    sound(&store).await;
}

/// Not in the rows, not in what pages held before, not in the log. The index knows the word in small letters only.
#[tokio::test]
async fn what_was_deleted_is_not_in_the_file_any_more() {
    const WORD: &str = "Xylophonist";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let (store, ids) = (
        SqliteStore::open(SqliteOptions::at(&path)).unwrap(),
        Ids::new(),
    );
    let holds_it = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.file_type().unwrap().is_file());
        let mut bytes = files.map(|file| std::fs::read(file.path()).unwrap());
        bytes.any(|bytes| {
            bytes
                .windows(WORD.len())
                .any(|part| part == WORD.as_bytes())
        })
    };
    let mut stays = Talk::new(&store, &ids, "alice", "stays");
    let mut goes = Talk::new(&store, &ids, "alice", "goes");
    for n in 0..60 {
        // Texts of one page and of several.
        stays.turn("xylem and yeast", "so be it").await;
        let rest = "or so ".repeat(n * 20);
        goes.turn(&format!("the {WORD} {n} {rest}"), &format!("no {WORD}"))
            .await;
        if n % 7 == 0 {
            store.settle().await.unwrap();
        }
    }
    store.settle().await.unwrap();
    assert!(holds_it());
    store.delete_thread(&goes.key).await.unwrap();
    store.settle().await.unwrap();
    store.close().await.unwrap();
    assert!(!holds_it());
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    sound(&store).await;
    let search = |words: &str| Search {
        words: words.to_owned(),
        thread: None,
        offset: 0,
        limit: 100,
    };
    let alice = &stays.key.user;
    let found = store.search(alice, search("xylem")).await.unwrap();
    assert_eq!(found.len(), 60);
    let found = store.search(alice, search(WORD)).await.unwrap();
    assert!(found.is_empty());
}

#[tokio::test]
async fn a_store_that_is_dropped_keeps_what_was_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let (store, ids) = (
        SqliteStore::open(SqliteOptions::at(&path)).unwrap(),
        Ids::new(),
    );
    let talk = Talk::new(&store, &ids, "alice", "1");
    let step = talk.step().say(0, vec![talk.message("human", "a")]);
    let (key, id) = (talk.key.clone(), step.id());
    let ticket = store.commit(step.build()).await.unwrap();
    drop(store);
    ticket.durable().await.unwrap();
    assert!(!dir.path().join("chat.db-owners").exists());
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    assert_eq!(store.thread(&key).await.unwrap().unwrap().head, Some(id));
}

/// Another process that writes is waited for, and not for ever.
#[tokio::test]
async fn a_file_that_another_program_holds_is_unavailable_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let mut options = SqliteOptions::at(&path);
    options.busy_wait = std::time::Duration::from_millis(20);
    let (store, ids) = (SqliteStore::open(options).unwrap(), Ids::new());
    let mut talk = Talk::new(&store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = conformance::apply(&store, talk.step().set("x", "1").build()).await;
    let refused = refused.unwrap_err();
    assert!(
        refused.is_retryable() && refused.kind() == StoreErrorKind::Unavailable,
        "{refused}"
    );
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    talk.turn("c", "d").await;
    sound(&store).await;
}

/// Steps of a run that began in a transaction join it, and its end closes it.
#[tokio::test]
async fn a_turn_that_is_quick_is_one_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let mut options = SqliteOptions::at(&path);
    options.group_window = std::time::Duration::from_secs(5);
    let (store, ids) = (SqliteStore::open(options).unwrap(), Ids::new());
    let talk = Talk::new(&store, &ids, "alice", "1");
    let run = ids.new_run(Multitask::Reject);
    let asked = talk
        .step()
        .say(0, vec![talk.message("human", "c")])
        .start(&run);
    let head = asked.id();
    let mut first = store.commit(asked.build()).await.unwrap();
    first.admitted().await.unwrap();
    assert!(
        store.thread(&talk.key).await.unwrap().is_none(),
        "not durable yet"
    );
    let answered = conformance::Step::after(&ids, &talk.key, Some(head))
        .say(1, vec![talk.message("ai", "d")])
        .end(run.id, Fence(1));
    let begun = std::time::Instant::now();
    let second = store.commit(answered.build()).await.unwrap();
    first.durable().await.unwrap();
    second.durable().await.unwrap();
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(5),
        "the end of the run closes the group"
    );
    assert_eq!(store.thread(&talk.key).await.unwrap().unwrap().messages, 2);
}
