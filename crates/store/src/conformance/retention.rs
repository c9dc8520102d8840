//! Retention: what is stale goes, and nothing else.

use std::ops::ControlFlow;

use everthread_graph::contract::{At, Multitask, StoreErrorKind, UserId};

use super::portable::rows;
use super::{Factory, Ids, Talk, key, kinds, live, said, sound};
use crate::portable::Scope;
use crate::retention::{CleanUp, Cleaned, Policies, Policy, clean_up};
use crate::{
    FindStale, Goes, ListThreads, Search, StaleRule, Store, StoreError, ThreadPatch, UserPatch,
};

/// A time after all that the tests say.
const LATER_MS: i64 = 4_102_444_800_000;

/// Everything that has not changed for a day, at that time.
fn idle() -> Policy {
    Policy {
        idle_days: Some(1),
        ..Policy::default()
    }
}

fn by(default: Policy) -> CleanUp {
    CleanUp {
        policies: Policies {
            default,
            ..Policies::default()
        },
        now_ms: LATER_MS,
        ..CleanUp::default()
    }
}

async fn pass(store: &dyn Store, how: &CleanUp) -> Cleaned {
    let go_on = &mut |_| ControlFlow::Continue(());
    clean_up(store, how, go_on).await.unwrap()
}

async fn threads(store: &dyn Store, user: &str) -> Vec<String> {
    let user = key(user, "x").user;
    let listed = store.threads(&user, ListThreads::default()).await.unwrap();
    let mut ids: Vec<String> = listed.iter().map(|one| one.id.to_string()).collect();
    ids.sort_unstable();
    ids
}

async fn hold(store: &dyn Store, user: &UserId, held: bool) {
    let patch = UserPatch {
        held: Some(held),
        ..UserPatch::default()
    };
    store.put_user(user, patch).await.unwrap();
}

/// Threads of all kinds: two that are idle, and one each that is pinned, of a held user, active, and waiting.
async fn threads_of_all_kinds(store: &dyn Store, ids: &Ids) {
    for (user, thread) in [
        ("alice", "idle"),
        ("alice", "other"),
        ("alice", "pinned"),
        ("bob", "held"),
    ] {
        let mut talk = Talk::new(store, ids, user, thread);
        talk.turn("zebra", "b").await;
        talk.turn("c", "d").await;
    }
    let mut active = Talk::new(store, ids, "alice", "active");
    active.begin("zebra").await;
    let mut waiting = Talk::new(store, ids, "alice", "waiting");
    waiting.turn("a", "b").await;
    let queued = store.enqueue_run(&waiting.key, ids.new_run(Multitask::Enqueue), None);
    queued.await.unwrap();
    let pin = ThreadPatch {
        pinned: Some(true),
        ..ThreadPatch::default()
    };
    store
        .update_thread(&key("alice", "pinned"), pin)
        .await
        .unwrap();
    hold(store, &key("bob", "x").user, true).await;
    store.settle().await.unwrap();
}

/// Pinned threads, those of held users, and those on which a run is active or waits stay; the others go, words in the
/// index included. A dry run says the same and changes nothing.
pub async fn idle_threads_go_and_the_others_stay(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let store = &*store;
    threads_of_all_kinds(store, &ids).await;
    let before = rows(store, &Scope::Whole).await;
    let told = CleanUp {
        dry_run: true,
        ..by(idle())
    };
    let told = pass(store, &told).await;
    assert_eq!(rows(store, &Scope::Whole).await, before);
    let cleaned = pass(store, &by(idle())).await;
    let named = |cleaned: &Cleaned| -> Vec<String> {
        let names = cleaned.threads.iter().map(|one| one.key.to_string());
        names.collect()
    };
    assert_eq!(named(&told), named(&cleaned));
    assert_eq!(told.removed.threads, 2);
    assert!(told.removed.bytes > 500, "{:?}", told.removed);
    assert_eq!(
        (
            cleaned.removed.threads,
            cleaned.removed.messages,
            cleaned.removed.checkpoints,
            cleaned.removed.runs
        ),
        (2, 8, 8, 4)
    );
    assert_eq!((told.removed.messages, told.removed.checkpoints), (8, 8));
    assert_eq!(
        threads(store, "alice").await,
        ["active", "pinned", "waiting"]
    );
    assert_eq!(threads(store, "bob").await, ["held"]);
    let words = Search {
        words: "zebra".to_owned(),
        thread: None,
        offset: 0,
        limit: 9,
    };
    let found = store.search(&key("alice", "x").user, words).await.unwrap();
    assert_eq!(found.len(), 2, "the pinned and the active one");
    assert_eq!(pass(store, &by(idle())).await.removed.threads, 0);
    store.settle().await.unwrap();
    sound(store).await;

    hold(store, &key("bob", "x").user, false).await;
    assert_eq!(pass(store, &by(idle())).await.removed.threads, 1);
    assert_eq!(threads(store, "bob").await, [""; 0]);
    sound(store).await;
}

/// A thread goes by its age although it was used of late, and by its idle time only when it was not.
pub async fn age_and_idle_time_are_told_apart(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let created = store.thread(&talk.key).await.unwrap().unwrap();
    talk.turn("c", "d").await;
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert!(thread.updated_ms > created.updated_ms);
    let find = async |rule| {
        let query = FindStale {
            rule,
            look_at: 9,
            ..FindStale::default()
        };
        let page = store.stale_threads(query).await.unwrap();
        assert_eq!(page.next, None);
        page.threads.len()
    };
    let before = |ms| StaleRule {
        updated_before_ms: Some(ms),
        ..StaleRule::default()
    };
    assert_eq!(find(before(thread.updated_ms)).await, 0);
    assert_eq!(find(before(thread.updated_ms + 1)).await, 1);
    let before = |ms| StaleRule {
        created_before_ms: Some(ms),
        ..StaleRule::default()
    };
    assert_eq!(find(before(thread.created_ms)).await, 0);
    assert_eq!(find(before(thread.created_ms + 1)).await, 1);
    assert_eq!(find(StaleRule::default()).await, 0);
    let early = before(thread.created_ms);
    let removed = store.delete_stale(vec![talk.key.clone(), key("alice", "9")], early);
    assert_eq!(removed.await.unwrap().threads, 0, "it is looked at again");
    assert_eq!(said(&*store, &talk.key, None).await.concat(), "abcd");
    assert_eq!(
        kinds(
            &store
                .stale_threads(FindStale {
                    from: Some("?".to_owned()),
                    ..FindStale::default()
                })
                .await
        ),
        Some(StoreErrorKind::Invalid)
    );
}

/// The policy of a user takes the place of everybody's, for them alone, whichever of the two keeps more.
pub async fn users_have_policies_of_their_own(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for user in ["alice", "bob", "carol"] {
        Talk::new(&*store, &ids, user, "1").turn("a", "b").await;
    }
    let load = async |default| -> Result<CleanUp, StoreError> {
        Ok(CleanUp {
            policies: Policies::load(&*store, default).await?,
            now_ms: LATER_MS,
            ..CleanUp::default()
        })
    };
    let nobody = load(Policy::default()).await.unwrap();
    assert!(nobody.policies.keep_all());
    assert_eq!(pass(&*store, &nobody).await, Cleaned::default());
    let (alice, bob) = (key("alice", "x").user, key("bob", "x").user);
    Policies::set(&*store, &alice, Some(idle())).await.unwrap();
    let own = load(Policy::default()).await.unwrap();
    assert_eq!(own.policies.of(&alice), idle());
    assert_eq!(pass(&*store, &own).await.removed.threads, 1);
    assert_eq!(threads(&*store, "alice").await, [""; 0]);

    Policies::set(&*store, &bob, Some(Policy::default()))
        .await
        .unwrap();
    let all = load(idle()).await.unwrap();
    let only = CleanUp {
        user: Some(bob.clone()),
        ..all.clone()
    };
    assert_eq!(pass(&*store, &only).await.removed.threads, 0);
    assert_eq!(pass(&*store, &all).await.removed.threads, 1);
    assert_eq!(threads(&*store, "bob").await, ["1"]);
    assert_eq!(threads(&*store, "carol").await, [""; 0]);
    Policies::set(&*store, &bob, None).await.unwrap();
    let only = CleanUp {
        user: Some(bob),
        ..load(idle()).await.unwrap()
    };
    assert_eq!(pass(&*store, &only).await.removed.threads, 1);
    sound(&*store).await;
}

/// Of old checkpoints the newest of each line stay, and every message.
pub async fn old_checkpoints_go_by_the_policy(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut long = Talk::new(&*store, &ids, "alice", "long");
    for n in 0..10 {
        long.turn(&format!("q{n}"), &format!("a{n}")).await;
    }
    let mut brief = Talk::new(&*store, &ids, "alice", "brief");
    brief.turn("q", "a").await;
    let policy = Policy {
        keep_checkpoints: Some(3),
        ..Policy::default()
    };
    let told = CleanUp {
        dry_run: true,
        ..by(policy)
    };
    let told = pass(&*store, &told).await;
    assert_eq!((told.pruned_threads, told.removed.checkpoints), (1, 17));
    assert_eq!(told.threads[0].goes, Goes::Checkpoints);
    let before = said(&*store, &long.key, None).await;
    let cleaned = pass(&*store, &by(policy)).await;
    assert_eq!(
        (cleaned.pruned_threads, cleaned.removed.checkpoints),
        (1, 17)
    );
    assert_eq!((cleaned.removed.threads, cleaned.removed.messages), (0, 0));
    assert_eq!(said(&*store, &long.key, None).await, before);
    assert_eq!(live(&*store, &long.key, At::Head).await, before);
    assert_eq!(pass(&*store, &by(policy)).await.threads, []);
    long.turn("more", "yes").await;
    sound(&*store).await;
}

/// A pass that is stopped leaves whole threads, and the next one goes on.
pub async fn a_pass_can_be_stopped(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for n in 0..30 {
        let user = if n % 2 == 0 { "alice" } else { "bob" };
        Talk::new(&*store, &ids, user, &n.to_string())
            .turn("a", "b")
            .await;
    }
    let mut slices = 0;
    let stop = &mut |_| {
        slices += 1;
        if slices == 2 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let stopped = clean_up(&*store, &by(idle()), stop).await.unwrap();
    let gone = usize::try_from(stopped.removed.threads).unwrap();
    assert!(stopped.stopped && (2..30).contains(&gone), "{gone} went");
    let left = threads(&*store, "alice").await.len() + threads(&*store, "bob").await.len();
    assert_eq!(left, 30 - gone);
    sound(&*store).await;
    let rest = pass(&*store, &by(idle())).await;
    assert_eq!((rest.removed.threads, rest.stopped), (left as u64, false));
    sound(&*store).await;
}

/// Threads are looked at some at a time, each once.
pub async fn stale_threads_come_in_pages(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for user in ["alice", "bob", "carol"] {
        for thread in 0..3 {
            Talk::new(&*store, &ids, user, &thread.to_string())
                .turn("a", "b")
                .await;
        }
    }
    for (user, expected) in [(None, 9), (Some("bob"), 3), (Some("nobody"), 0)] {
        let mut query = FindStale {
            user: user.map(|user| key(user, "x").user),
            rule: idle().rule(LATER_MS),
            look_at: 2,
            ..FindStale::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = store.stale_threads(query.clone()).await.unwrap();
            assert!(page.threads.len() <= 2);
            seen.extend(page.threads.into_iter().map(|one| one.key));
            query.from = page.next;
            if query.from.is_none() {
                break;
            }
            // What was found may be gone before the next page.
            let last = seen.last().cloned().into_iter().collect();
            store.delete_stale(last, query.rule).await.unwrap();
        }
        let mut names: Vec<String> = seen.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), seen.len()), (expected, expected));
        for one in seen {
            let mut talk = Talk::new(&*store, &ids, one.user.as_str(), one.thread.as_str());
            if store.thread(&one).await.unwrap().is_none() {
                talk.turn("a", "b").await;
            }
        }
    }
    sound(&*store).await;
}
