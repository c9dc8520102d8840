//! Several processes on one file. The test binary calls itself for each.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use everthread_sqlite::{SqliteOptions, SqliteStore};
use everthread_store::Store;
use everthread_store::conformance::{Ids, Talk, all_turns_are_there, patient_turn, said, sound};

/// `file thread name turns`, for a process that is a child.
const VARIABLE: &str = "EVERTHREAD_TEST_CHILD";

/// Turns of each process.
const TURNS: usize = 25;

fn spawn(path: &Path, thread: &str, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture"])
        .env(VARIABLE, format!("{} {thread} {name}", path.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing unless it is called as a child.
#[tokio::test]
async fn child() {
    let Ok(job) = std::env::var(VARIABLE) else {
        return;
    };
    let [path, thread, name] = job.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{job:?} is no job");
    };
    let store = SqliteStore::open(SqliteOptions::at(path)).unwrap();
    let ids = Ids::by_clock();
    let talk = Talk::new(&store, &ids, "alice", thread);
    for turn in 0..TURNS {
        patient_turn(&store, &ids, &talk, &format!("{name}{turn}")).await;
    }
    store.close().await.unwrap();
}

async fn run(threads: [&str; 3]) -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    let children: Vec<Child> = ["a", "b", "c"]
        .into_iter()
        .zip(threads)
        .map(|(name, thread)| spawn(&path, thread, name))
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = SqliteStore::open(SqliteOptions::at(&path)).unwrap();
    sound(&store).await;
    (dir, store)
}

#[tokio::test]
async fn processes_on_one_thread_lose_no_turn() {
    let (_dir, store) = run(["1", "1", "1"]).await;
    let ids = Ids::by_clock();
    let talk = Talk::new(&store, &ids, "alice", "1");
    all_turns_are_there(&store, &talk, 3 * TURNS).await;
}

#[tokio::test]
async fn processes_on_threads_of_their_own_all_go_on() {
    let (_dir, store) = run(["1", "2", "3"]).await;
    let ids = Ids::by_clock();
    for (name, thread) in [("a", "1"), ("b", "2"), ("c", "3")] {
        let talk = Talk::new(&store, &ids, "alice", thread);
        let texts = said(&store, &talk.key, None).await;
        let expected: Vec<String> = (0..TURNS)
            .flat_map(|turn| [format!("{name}{turn}"), format!("{name}{turn}")])
            .collect();
        assert_eq!(texts, expected);
    }
    store.close().await.unwrap();
}
