//! What tasks leave at a checkpoint before their step is committed.

use everthread_graph::contract::{
    Admission, At, CheckpointId, Fence, Multitask, PendingWrites, RunMark, RunOutcome,
    StoreErrorKind, TaskId, TaskWrites, ThreadKey, WriteSlot,
};

use super::{Factory, Ids, Talk, json, kinds, load, sound};
use crate::{RunQuery, RunStatus, Store, StoreError};

fn left(task: TaskId, slot: WriteSlot, text: &str) -> TaskWrites {
    TaskWrites {
        task,
        slot,
        body: json(text),
    }
}

async fn write(
    store: &dyn Store,
    key: &ThreadKey,
    checkpoint: CheckpointId,
    writes: Vec<TaskWrites>,
    run: RunMark,
) -> Result<Admission, StoreError> {
    let writes = PendingWrites {
        key: key.clone(),
        checkpoint,
        writes,
        run,
    };
    let mut ticket = store.write(writes).await?;
    let admission = ticket.admitted().await?;
    ticket.durable().await?;
    Ok(admission)
}

/// A finished task need not run again, until its step holds what it did.
pub async fn what_tasks_leave_is_there_until_their_step(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let head = talk.head.unwrap();
    let (first, second) = (ids.task(), ids.task());
    let writes = vec![
        left(second, WriteSlot::Interrupt, "\"?\""),
        left(first, WriteSlot::Error, "3"),
        left(first, WriteSlot::Output, "{\"x\":1}"),
    ];
    let step = RunMark::Step(run.id, Fence(1));
    write(&*store, &talk.key, head, writes.clone(), step)
        .await
        .unwrap();
    let saved = load(&*store, &talk.key, At::Head).await;
    assert_eq!(
        saved.pending,
        [writes[2].clone(), writes[1].clone(), writes[0].clone()]
    );
    store.close().await.unwrap();
    let store = factory.open().await;
    assert_eq!(load(&*store, &talk.key, At::Head).await.pending.len(), 3);
    talk.store = &*store;
    // The run is an orphan now; the next one commits the step that these belong to.
    let next = ids.new_run(Multitask::Reject);
    talk.apply(talk.step().start(&next), 0).await;
    assert!(load(&*store, &talk.key, At::Head).await.pending.is_empty());
    assert!(
        load(&*store, &talk.key, At::Id(head))
            .await
            .pending
            .is_empty()
    );
    sound(&*store).await;
}

/// A task that runs again leaves its new result.
pub async fn a_later_write_replaces_an_earlier(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let run = talk.begin("a").await;
    let (head, task) = (talk.head.unwrap(), ids.task());
    for text in ["1", "2"] {
        let writes = vec![left(task, WriteSlot::Output, text)];
        let step = RunMark::Step(run.id, Fence(1));
        write(&*store, &talk.key, head, writes, step).await.unwrap();
    }
    let saved = load(&*store, &talk.key, At::Head).await;
    assert_eq!(saved.pending, [left(task, WriteSlot::Output, "2")]);
    talk.finish(&run, "b").await;
    sound(&*store).await;
}

/// They are refused like steps.
pub async fn writes_need_a_checkpoint_and_a_fence(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let key = talk.key.clone();
    let missing = write(
        &*store,
        &key,
        ids.checkpoint(),
        Vec::new(),
        RunMark::Outside,
    )
    .await;
    assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));
    let run = talk.begin("a").await;
    let head = talk.head.unwrap();
    let right = RunMark::Step(run.id, Fence(1));
    let wrong = RunMark::Step(run.id, Fence(2));
    let writes = || vec![left(ids.task(), WriteSlot::Output, "1")];
    let missing = write(&*store, &key, ids.checkpoint(), writes(), right).await;
    assert_eq!(kinds(&missing), Some(StoreErrorKind::NotFound));
    let fenced = write(&*store, &key, head, writes(), wrong).await;
    assert_eq!(kinds(&fenced), Some(StoreErrorKind::Fenced));
    let busy = write(&*store, &key, head, writes(), RunMark::Outside).await;
    assert_eq!(kinds(&busy), Some(StoreErrorKind::Busy));
    assert!(load(&*store, &key, At::Head).await.pending.is_empty());
    talk.finish(&run, "b").await;
    sound(&*store).await;
}

/// Answers to a question begin a run; a run that waits for the next answer ends without a step.
pub async fn a_run_may_begin_and_end_without_a_step(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let asking = talk.begin("a").await;
    let (head, task) = (talk.head.unwrap(), ids.task());
    let question = vec![left(task, WriteSlot::Interrupt, "\"sure?\"")];
    let end = RunMark::End(asking.id, Fence(1), RunOutcome::Interrupted);
    write(&*store, &talk.key, head, question, end)
        .await
        .unwrap();
    let answering = ids.new_run(Multitask::Reject);
    let answer = vec![left(task, WriteSlot::Resume, "[\"yes\"]")];
    let start = RunMark::Start(answering.clone());
    let admission = write(&*store, &talk.key, head, answer.clone(), start.clone())
        .await
        .unwrap();
    assert_eq!(admission, Admission::Applied(Fence(2)));
    let again = write(&*store, &talk.key, head, answer, start)
        .await
        .unwrap();
    assert_eq!(again, Admission::AlreadyApplied(Fence(2)));
    assert_eq!(load(&*store, &talk.key, At::Head).await.pending.len(), 2);
    talk.fence = Fence(2);
    talk.finish(&answering, "b").await;
    let runs = store
        .runs(
            &talk.key,
            RunQuery {
                limit: 10,
                ..RunQuery::default()
            },
        )
        .await
        .unwrap();
    let statuses: Vec<RunStatus> = runs.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Success, RunStatus::Interrupted]);
    sound(&*store).await;
}

/// Of two who go on from one checkpoint, the second finds that the head has moved; tasks do not run twice.
pub async fn a_run_begins_at_a_head_only(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let old = talk.turn("a", "b").await;
    let first = ids.new_run(Multitask::Reject);
    let start = RunMark::Start(first.clone());
    let admission = write(&*store, &talk.key, old, Vec::new(), start.clone()).await;
    assert_eq!(admission.unwrap(), Admission::Applied(Fence(2)));
    talk.fence = Fence(2);
    let step = talk.step().step(first.id, Fence(2));
    talk.apply(step, 0).await;
    // What began is sent again; meanwhile it went on.
    let answer = vec![left(ids.task(), WriteSlot::Resume, "[1]")];
    let again = write(&*store, &talk.key, old, answer.clone(), start).await;
    assert_eq!(again.unwrap(), Admission::AlreadyApplied(Fence(2)));
    let saved = load(&*store, &talk.key, At::Id(old)).await;
    assert!(saved.pending.is_empty());
    talk.finish(&first, "c").await;
    let start = RunMark::Start(ids.new_run(Multitask::Reject));
    let late = write(&*store, &talk.key, old, answer, start.clone()).await;
    assert_eq!(kinds(&late), Some(StoreErrorKind::Conflict));
    let saved = load(&*store, &talk.key, At::Id(old)).await;
    assert!(saved.pending.is_empty());
    let head = talk.head.unwrap();
    let admission = write(&*store, &talk.key, head, Vec::new(), start).await;
    assert_eq!(admission.unwrap(), Admission::Applied(Fence(3)));
    sound(&*store).await;
}

/// A run that stops another and then finds that the head has moved has stopped it all the same.
pub async fn the_other_stays_stopped_where_a_run_does_not_begin(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let old = talk.turn("a", "b").await;
    let active = talk.begin("c").await;
    let start = RunMark::Start(ids.new_run(Multitask::Interrupt));
    let late = write(&*store, &talk.key, old, Vec::new(), start).await;
    assert_eq!(kinds(&late), Some(StoreErrorKind::Conflict));
    let step = talk.step().step(active.id, talk.fence);
    let stopped = super::apply(&*store, step.build()).await;
    assert_eq!(kinds(&stopped), Some(StoreErrorKind::Fenced));
    let head = talk.head.unwrap();
    let start = RunMark::Start(ids.new_run(Multitask::Reject));
    write(&*store, &talk.key, head, Vec::new(), start)
        .await
        .unwrap();
    sound(&*store).await;
}

/// A question that was answered by a run that is taken back is asked again.
pub async fn an_answer_goes_with_the_run_that_gave_it(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let first = talk.begin("a").await;
    let head = talk.head.unwrap();
    let question = left(ids.task(), WriteSlot::Interrupt, "\"sure?\"");
    let end = RunMark::End(first.id, talk.fence, RunOutcome::Interrupted);
    write(&*store, &talk.key, head, vec![question.clone()], end)
        .await
        .unwrap();
    for policy in [Multitask::Enqueue, Multitask::Rollback] {
        let second = ids.new_run(policy);
        let answer = left(question.task, WriteSlot::Resume, "[true]");
        let start = RunMark::Start(second.clone());
        write(&*store, &talk.key, head, vec![answer.clone()], start)
            .await
            .unwrap();
        let saved = load(&*store, &talk.key, At::Head).await;
        assert_eq!(saved.pending, [question.clone(), answer]);
        if policy == Multitask::Rollback {
            store.rollback_run(&talk.key, second.id).await.unwrap();
            let saved = load(&*store, &talk.key, At::Head).await;
            assert_eq!(saved.pending, std::slice::from_ref(&question));
        }
    }
    let thread = store.thread(&talk.key).await.unwrap().unwrap();
    assert_eq!((thread.head, thread.messages), (Some(head), 1));
    sound(&*store).await;
}
