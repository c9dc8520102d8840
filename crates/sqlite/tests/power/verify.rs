//! Looks in a store that was opened after a cut for everything that had been acknowledged before it.

use std::collections::HashSet;
use std::path::Path;

use everthread_graph::contract::{At, Json, Namespace, RunId, StoreError};
use everthread_store::{ReadMessages, RunQuery, RunStatus, Search, Store};

use crate::conversation::{Conversation, content, context_of, digest, key, transcript};
use crate::expected::{Thread, items, threads};
use crate::job::Saved;
use crate::recording::Cut;
use crate::turns::{ITEMS, open, runtime};

type Verdict = Result<(), String>;

/// Everything that must hold after a cut.
pub(crate) fn check(cut: &Cut<'_>, dir: &Path) -> Verdict {
    let store = open(dir, None, "FULL").map_err(|error| told("opening", &error))?;
    runtime().block_on(async {
        is_sound(&*store).await?;
        for (name, thread) in threads(cut) {
            look(&*store, name, &thread)
                .await
                .map_err(|wrong| format!("thread {name} at {}: {wrong}", cut.at))?;
        }
        look_for_items(&*store, cut).await?;
        goes_on(&*store, cut).await?;
        is_sound(&*store).await?;
        store.close().await.map_err(|error| told("closing", &error))
    })
}

/// The store's own check finds nothing.
pub(crate) async fn is_sound(store: &dyn Store) -> Verdict {
    let report = store.check(&mut |_, _| {}).await;
    let report = report.map_err(|error| told("checking", &error))?;
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => Err(format!("check: {}: {}", problem.place, problem.what)),
    }
}

async fn look(store: &dyn Store, name: &str, thread: &Thread<'_>) -> Verdict {
    let key = key(name);
    let found = store
        .thread(&key)
        .await
        .map_err(|error| told("thread", &error))?;
    if thread.is_deleted {
        return ensure(found.is_none(), || "it was deleted and is there".to_owned());
    }
    let (Some(found), Some(last)) = (found, thread.saved.last()) else {
        let may_lack = thread.may_be_deleted || thread.saved.is_empty();
        return ensure(may_lack, || "it is not there".to_owned());
    };
    ensure(found.head >= Some(last.checkpoint), || {
        format!("its head is {:?} and was {}", found.head, last.checkpoint)
    })?;
    let read = match look_at(store, name, thread, last).await? {
        Some(read) => read,
        None => transcript(store, &key, found.head.unwrap_or(last.checkpoint))
            .await
            .map_err(|error| told("messages", &error))?,
    };
    look_for_texts(store, name, thread, read).await?;
    look_for_runs(store, name, &thread.waiting).await?;
    look_by_search(store, name).await
}

/// What the model and what people would see at the last checkpoint is what it was; gives the latter. `None` when
/// the checkpoint was being deleted.
async fn look_at(
    store: &dyn Store,
    name: &str,
    thread: &Thread<'_>,
    last: &Saved,
) -> Result<Option<Vec<String>>, String> {
    let at = At::Id(last.checkpoint);
    let saved = store.load(&key(name), &Namespace::root(), at).await;
    let Some(saved) = saved.map_err(|error| told("load", &error))? else {
        let checkpoint = last.checkpoint;
        ensure(thread.is_pruning, || {
            format!("checkpoint {checkpoint} is not there")
        })?;
        return Ok(None);
    };
    let context = context_of(&saved.channels);
    ensure(digest(&context) == last.context, || {
        format!("the context is {context:?}")
    })?;
    let read = transcript(store, &key(name), last.checkpoint).await;
    let read = read.map_err(|error| told("messages", &error))?;
    let same = thread.is_removing || digest(&read) == last.transcript;
    ensure(same, || format!("the transcript is {read:?}"))?;
    Ok(Some(read))
}

/// Every message is in the last transcript, or in the one that it was acknowledged with where a branch was begun
/// since; and none that was taken back is in the last.
async fn look_for_texts(
    store: &dyn Store,
    name: &str,
    thread: &Thread<'_>,
    last: Vec<String>,
) -> Verdict {
    for gone in thread
        .saved
        .iter()
        .filter_map(|saved| saved.removed.as_ref())
    {
        ensure(!last.contains(gone), || {
            format!("{gone:?} was removed and is there")
        })?;
    }
    let mut seen: HashSet<String> = last.into_iter().collect();
    for saved in thread.saved.iter().rev() {
        let is_missing = |text: &String| !seen.contains(text) && !thread.may_lack.contains(&**text);
        if !saved.texts.iter().any(is_missing) {
            continue;
        }
        let read = transcript(store, &key(name), saved.checkpoint).await;
        seen.extend(read.map_err(|error| told("messages", &error))?);
        let is_missing =
            |text: &&String| !seen.contains(*text) && !thread.may_lack.contains(&***text);
        if let Some(text) = saved.texts.iter().find(is_missing) {
            return Err(format!("{text:?} is not there"));
        }
    }
    Ok(())
}

/// Search finds the newest message, whether the index had seen it before the cut or not.
async fn look_by_search(store: &dyn Store, name: &str) -> Verdict {
    let read = store.messages(&key(name), ReadMessages::default()).await;
    let read = read.map_err(|error| told("messages", &error))?;
    let Some(newest) = read.last() else {
        return Ok(());
    };
    let text = content(&newest.body);
    let search = Search {
        words: text.split(' ').next().unwrap().to_owned(),
        thread: None,
        offset: 0,
        limit: 10,
    };
    let hits = store.search(&key(name).user, search).await;
    let hits = hits.map_err(|error| told("search", &error))?;
    ensure(hits.len() == 1, || {
        format!("{text:?} is found {} times", hits.len())
    })
}

/// Every run that waited is known, and has its input as long as it waits.
async fn look_for_runs(store: &dyn Store, name: &str, waiting: &[RunId]) -> Verdict {
    let query = RunQuery {
        limit: usize::MAX >> 1,
        ..RunQuery::default()
    };
    let runs = store.runs(&key(name), query).await;
    let runs = runs.map_err(|error| told("runs", &error))?;
    for id in waiting {
        let run = runs.iter().find(|run| run.id == *id);
        let run = run.ok_or_else(|| format!("run {id}, which waited, is not there"))?;
        let input = Json::of(&id.to_string()).unwrap();
        let has_input = run.status != RunStatus::Pending || run.input == Some(input);
        ensure(has_input, || {
            format!("run {id} waits without its input: {run:?}")
        })?;
    }
    Ok(())
}

/// Long-term items are as new as was acknowledged, or newer.
async fn look_for_items(store: &dyn Store, cut: &Cut<'_>) -> Verdict {
    for (name, least) in items(cut) {
        let item = store
            .get_item(&key(name).user, &[ITEMS.to_owned()], name)
            .await;
        let item = item.map_err(|error| told("item", &error))?;
        let value: Option<u32> = item.and_then(|item| item.value.read().ok());
        ensure(value >= Some(least), || {
            format!("item {name} is {value:?} and was {least}")
        })?;
    }
    Ok(())
}

/// The next turn works: in every thread that is there, and in a new one.
async fn goes_on(store: &dyn Store, cut: &Cut<'_>) -> Verdict {
    for name in threads(cut).into_keys().chain(["fresh"]) {
        let found = store
            .thread(&key(name))
            .await
            .map_err(|error| told("thread", &error))?;
        if found.is_none() && name != "fresh" {
            continue;
        }
        take_over(store, cut, name).await?;
        let loaded = Conversation::load(store, name).await;
        let mut conversation = loaded.map_err(|error| told("load", &error))?;
        let said = ["next human", "next ai"].map(str::to_owned);
        conversation
            .turn(store, said, true)
            .await
            .map_err(|error| told(&format!("the next turn of {name}"), &error))?;
        let now = &conversation.now;
        let read = transcript(store, &key(name), now.head.unwrap()).await;
        let read = read.map_err(|error| told("messages", &error))?;
        ensure(read == now.transcript, || {
            format!("the next turn of {name} reads as {read:?}")
        })?;
    }
    Ok(())
}

/// A new process takes over what a dead one left; where nothing waits it may also just go on.
async fn take_over(store: &dyn Store, cut: &Cut<'_>, name: &str) -> Verdict {
    let query = RunQuery {
        statuses: vec![RunStatus::Pending],
        limit: 10,
        ..RunQuery::default()
    };
    let pending = store.runs(&key(name), query).await;
    let mut pending: Vec<RunId> = pending
        .map_err(|error| told("runs", &error))?
        .iter()
        .map(|run| run.id)
        .collect();
    if pending.is_empty() && cut.seed.is_multiple_of(2) {
        return Ok(());
    }
    let claimed = store.claim(&key(name)).await;
    let claimed: Vec<RunId> = claimed
        .map_err(|error| told("claim", &error))?
        .waiting
        .iter()
        .map(|run| run.id)
        .collect();
    pending.reverse();
    ensure(claimed == pending, || {
        format!("claimed are {claimed:?} of {pending:?}")
    })?;
    for run in claimed {
        let gone = store.withdraw(&key(name), run).await;
        gone.map_err(|error| told("withdraw", &error))?;
    }
    Ok(())
}

fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// An error with what lay beneath.
fn told(doing: &str, error: &StoreError) -> String {
    let beneath = std::error::Error::source(error).map(ToString::to_string);
    format!(
        "{doing}: {:?}: {error} ({})",
        error.kind(),
        beneath.unwrap_or_default()
    )
}
