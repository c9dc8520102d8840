//! Upkeep: everything is there afterwards, and it can be stopped.

use std::ops::ControlFlow;

use super::{Factory, Ids, Talk, key, said, sound};
use crate::Search;
use crate::upkeep::{Upkeep, tend};

/// Each task leaves everything as it was, while others go on.
pub async fn upkeep_changes_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut stays = Talk::new(&*store, &ids, "alice", "stays");
    for n in 0..20 {
        stays.turn(&format!("zebra {n}"), "b").await;
        let goes = format!("goes {n}");
        Talk::new(&*store, &ids, "alice", &goes)
            .turn("c", "d")
            .await;
    }
    store.settle().await.unwrap();
    for n in 0..20 {
        let goes = key("alice", &format!("goes {n}"));
        store.delete_thread(&goes).await.unwrap();
    }
    for task in Upkeep::ALL {
        let go_on = &mut |_, _, _| ControlFlow::Continue(());
        let steps = tend(&*store, &[task], go_on).await.unwrap();
        assert!(steps.iter().all(|step| step.task == task && !step.stopped));
        stays.turn("still", "here").await;
    }
    assert_eq!(said(&*store, &stays.key, None).await.len(), 52);
    let words = Search {
        words: "zebra".to_owned(),
        thread: None,
        offset: 0,
        limit: 99,
    };
    let found = store.search(&stays.key.user, words).await.unwrap();
    assert_eq!(found.len(), 20);
    sound(&*store).await;
}

/// A task that is stopped does no harm, and what comes after it is left out.
pub async fn upkeep_can_be_stopped(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    for n in 0..5 {
        talk.turn(&n.to_string(), "b").await;
        store.settle().await.unwrap();
    }
    let mut begun = Vec::new();
    let stop = &mut |task, _, _| {
        begun.push(task);
        match task {
            Upkeep::Space => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    let steps = tend(&*store, &Upkeep::ONLINE, stop).await.unwrap();
    assert!(steps.iter().all(|step| step.task != Upkeep::Measure));
    assert_eq!(begun.last(), Some(&Upkeep::Space));
    let stop = &mut |_, _, _| ControlFlow::Break(());
    assert_eq!(tend(&*store, &Upkeep::ALL, stop).await.unwrap(), []);
    talk.turn("still", "here").await;
    sound(&*store).await;
}
