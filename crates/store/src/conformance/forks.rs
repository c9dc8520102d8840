//! Lines of history that leave each other.

use everthread_graph::contract::At;

use super::{Factory, Ids, Talk, live, load, said, sound};

/// A fork begins where it was told to and leaves the other line as it is.
pub async fn a_fork_shares_what_was_said_before(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let early = talk.turn("a", "b").await;
    let late = talk.turn("c", "d").await;
    let fork = talk
        .step()
        .from(Some(early))
        .say(2, vec![talk.message("human", "C")]);
    talk.apply(fork, 0).await;
    talk.len = 3;
    talk.turn("e", "f").await;
    assert_eq!(said(&*store, &talk.key, None).await.concat(), "abCef");
    assert_eq!(live(&*store, &talk.key, At::Head).await.concat(), "abCef");
    assert_eq!(said(&*store, &talk.key, Some(late)).await.concat(), "abcd");
    assert_eq!(said(&*store, &talk.key, Some(early)).await.concat(), "ab");
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert_eq!((thread.messages, thread.branches), (5, 2));
    // And back to the first line.
    let back = talk.step().from(Some(late));
    talk.apply(back, 0).await;
    assert_eq!(said(&*store, &talk.key, None).await.concat(), "abcd");
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert_eq!((thread.messages, thread.branches), (4, 3));
    sound(&*store).await;
}

/// A thread may begin anew beside what it was.
pub async fn a_line_can_begin_from_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let old = talk.turn("a", "b").await;
    let fresh = talk
        .step()
        .from(None)
        .say(0, vec![talk.message("human", "new")]);
    talk.apply(fresh, 0).await;
    assert_eq!(said(&*store, &talk.key, None).await, ["new"]);
    assert_eq!(said(&*store, &talk.key, Some(old)).await.concat(), "ab");
    assert_eq!(
        load(&*store, &talk.key, At::Head).await.checkpoint.parent,
        None
    );
    sound(&*store).await;
}

/// The first line counts too.
pub async fn branches_are_counted(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let base = talk.turn("a", "b").await;
    for n in 1..5 {
        let thread = store.thread(&talk.key).await.unwrap().unwrap();
        assert_eq!(thread.branches, n);
        talk.turn("c", "d").await;
        talk.apply(talk.step().from(Some(base)), 0).await;
        talk.len = 2;
    }
    sound(&*store).await;
}
