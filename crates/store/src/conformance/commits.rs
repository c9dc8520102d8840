//! Steps: what they need, what they answer, and in which order they apply.

use everthread_graph::contract::{
    Admission, At, Commit, Fence, Multitask, Namespace, StoreErrorKind,
};

use super::{Factory, Ids, Talk, apply, kinds, live, load, said, sound, value};

/// Somebody else's head is not overwritten.
pub async fn a_wrong_head_is_a_conflict(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let old = talk.head;
    talk.turn("c", "d").await;
    for head in [None, old] {
        let step = super::Step::after(&ids, &talk.key, head).set("summary", "1");
        assert_eq!(
            kinds(&apply(&*store, step.build()).await),
            Some(StoreErrorKind::Conflict)
        );
    }
    assert_eq!(
        load(&*store, &talk.key, At::Head).await.checkpoint.id,
        talk.head.unwrap()
    );
    assert!(value(&load(&*store, &talk.key, At::Head).await, "summary").is_none());
    sound(&*store).await;
}

/// Ids ascend whatever the clock says.
pub async fn an_id_that_is_not_above_the_last_is_a_conflict(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let low = ids.checkpoint();
    talk.turn("a", "b").await;
    let step = talk.step().with(|commit| commit.checkpoint.id = low);
    assert_eq!(
        kinds(&apply(&*store, step.build()).await),
        Some(StoreErrorKind::Conflict)
    );
    assert_eq!(
        load(&*store, &talk.key, At::Head).await.last,
        talk.head.unwrap()
    );
}

/// A lost answer does no harm, whatever happened since.
pub async fn a_step_that_is_sent_again_changes_nothing(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = ids.new_run(Multitask::Reject);
    let first = talk
        .step()
        .say(0, vec![talk.message("human", "a")])
        .start(&run);
    let again = first.clone();
    assert_eq!(talk.apply(first, 1).await, Admission::Applied(Fence(1)));
    assert_eq!(
        apply(&*store, again.clone().build()).await.unwrap(),
        Admission::AlreadyApplied(Fence(1))
    );
    talk.finish(&run, "b").await;
    talk.turn("c", "d").await;
    assert_eq!(
        apply(&*store, again.clone().build()).await.unwrap(),
        Admission::AlreadyApplied(Fence(1))
    );
    store.close().await.unwrap();
    let store = factory.open().await;
    assert_eq!(
        apply(&*store, again.build()).await.unwrap(),
        Admission::AlreadyApplied(Fence(1))
    );
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
    sound(&*store).await;
}

/// The id of another run's checkpoint does not make a step applied that never was.
pub async fn a_step_of_another_run_was_not_applied(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let taken = talk.turn("a", "b").await;
    let run = talk.begin("c").await;
    let id = |commit: &mut Commit| commit.checkpoint.id = taken;
    let steps = [
        talk.step().step(run.id, talk.fence),
        talk.step().end(run.id, talk.fence),
        talk.step().start(&run),
    ];
    for step in steps {
        let outcome = apply(&*store, step.with(id).build()).await;
        assert_eq!(kinds(&outcome), Some(StoreErrorKind::Conflict));
    }
    talk.finish(&run, "d").await;
    let outside = apply(&*store, talk.step().with(id).build()).await;
    assert_eq!(kinds(&outside), Some(StoreErrorKind::Conflict));
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b", "c", "d"]);
    sound(&*store).await;
}

/// What was handed over behind a step that failed is not applied either.
pub async fn a_successor_of_a_failed_step_fails(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let wrong = super::Step::after(&ids, &talk.key, Some(ids.checkpoint())).set("x", "1");
    let next = super::Step::after(&ids, &talk.key, Some(wrong.id())).set("x", "2");
    let first = store.commit(wrong.build()).await.unwrap();
    let second = store.commit(next.build()).await.unwrap();
    assert_eq!(
        kinds(&first.durable().await),
        Some(StoreErrorKind::Conflict)
    );
    assert_eq!(
        kinds(&second.durable().await),
        Some(StoreErrorKind::Conflict)
    );
    sound(&*store).await;
}

/// A delta says for which list it was made.
pub async fn a_list_of_another_length_is_refused(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    for len in [0, 1, 3] {
        let step = talk.step().say(len, vec![talk.message("human", "c")]);
        assert_eq!(
            kinds(&apply(&*store, step.build()).await),
            Some(StoreErrorKind::Corrupt)
        );
    }
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b"]);
    sound(&*store).await;
}

/// A line cannot begin at a checkpoint that nobody has.
pub async fn a_parent_that_is_not_there_is_not_found(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let step = talk.step().from(Some(ids.checkpoint()));
    assert_eq!(
        kinds(&apply(&*store, step.build()).await),
        Some(StoreErrorKind::NotFound)
    );
    sound(&*store).await;
}

/// A subgraph does not move the thread's own head.
pub async fn namespaces_have_heads_of_their_own(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    let ns = Namespace::root().child("sub:1");
    let step = super::Step::after(&ids, &talk.key, None)
        .within(&ns)
        .set("x", "1")
        .say(0, vec![talk.message("ai", "inside")]);
    let inner = step.id();
    apply(&*store, step.build()).await.unwrap();
    let saved = store.load(&talk.key, &ns, At::Head).await.unwrap().unwrap();
    assert_eq!(
        (saved.checkpoint.id, saved.checkpoint.ns),
        (inner, ns.clone())
    );
    assert_eq!(
        load(&*store, &talk.key, At::Head).await.checkpoint.id,
        talk.head.unwrap()
    );
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b"]);
    assert!(
        store
            .load(&talk.key, &Namespace::root(), At::Id(inner))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .load(&talk.key, &ns, At::Id(talk.head.unwrap()))
            .await
            .unwrap()
            .is_none()
    );
    talk.turn("c", "d").await;
    sound(&*store).await;
}

/// Nobody has to wait for an answer before the next step is handed over.
pub async fn steps_handed_over_together_apply_in_order(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let talk = Talk::new(&*store, &ids, "alice", "1");
    let mut head = None;
    let mut tickets = Vec::new();
    for n in 0..50 {
        let step = super::Step::after(&ids, &talk.key, head)
            .say(n, vec![talk.message("human", &n.to_string())]);
        head = Some(step.id());
        tickets.push(store.commit(step.build()).await.unwrap());
    }
    for ticket in tickets {
        ticket.durable().await.unwrap();
    }
    let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    assert_eq!(live(&*store, &talk.key, At::Head).await, expected);
    sound(&*store).await;
}

/// Closing twice does no harm, and what was written is there for the next.
pub async fn a_store_that_was_closed_refuses_and_keeps(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.turn("a", "b").await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let late = store.commit(talk.step().build()).await.map(drop);
    assert_eq!(kinds(&late), Some(StoreErrorKind::Unavailable));
    let read = store.load(&talk.key, &Namespace::root(), At::Head).await;
    assert_eq!(kinds(&read), Some(StoreErrorKind::Unavailable));
    let store = factory.open().await;
    assert_eq!(said(&*store, &talk.key, None).await, ["a", "b"]);
    sound(&*store).await;
}

/// Nothing has to be created before somebody speaks.
pub async fn users_and_threads_appear_with_the_first_step(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    assert!(store.user(&talk.key.user).await.unwrap().is_none());
    assert!(store.thread(&talk.key).await.unwrap().is_none());
    talk.turn("a", "b").await;
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert_eq!(
        (thread.messages, thread.turns, thread.head),
        (2, 1, talk.head)
    );
    assert!(store.user(&talk.key.user).await.unwrap().is_some());
    sound(&*store).await;
}
