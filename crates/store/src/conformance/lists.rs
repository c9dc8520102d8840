//! Channels: lists with their transcripts, and plain values.

use std::sync::Arc;

use everthread_graph::contract::{
    At, Change, ChannelValue, CheckpointId, Dropped, Element, ListDelta, Piece, Removal, ThreadKey,
};

use super::{Factory, Ids, Talk, append, json, live, load, said, sound, value};
use crate::{Store, TRANSCRIPT};

/// A delta that drops one element of a list and may put a new one in its place.
fn without(len: u32, at: u32, reason: Removal, successor: Option<Element>) -> Change {
    let elements: Vec<Element> = successor.into_iter().collect();
    let mut pieces = vec![Piece::Keep(0..at)];
    if !elements.is_empty() {
        pieces.push(Piece::New(0..1));
    }
    pieces.push(Piece::Keep(at + 1..len));
    Change::List(ListDelta {
        base_len: len,
        pieces,
        elements,
        dropped: vec![Dropped {
            range: at..at + 1,
            reason,
        }],
    })
}

/// Drops the first so many for the model's context.
fn forget(len: u32, first: u32) -> Change {
    Change::List(ListDelta {
        base_len: len,
        pieces: vec![Piece::Keep(first..len)],
        elements: Vec::new(),
        dropped: vec![Dropped {
            range: 0..first,
            reason: Removal::Context,
        }],
    })
}

/// A thread that says one letter a step.
async fn letters<'a>(store: &'a dyn Store, ids: &'a Ids, text: &str) -> Talk<'a> {
    let mut talk = Talk::new(store, ids, "alice", "1");
    for letter in text.chars() {
        let said = vec![talk.message("human", &letter.to_string())];
        talk.apply(talk.step().say(talk.len, said), 1).await;
    }
    talk
}

async fn looks_like(store: &dyn Store, key: &ThreadKey, at: CheckpointId, held: &str, all: &str) {
    assert_eq!(live(store, key, At::Id(at)).await.concat(), held);
    assert_eq!(said(store, key, Some(at)).await.concat(), all);
}

/// Every checkpoint keeps the list that it had.
pub async fn each_way_to_change_a_list_restores(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = letters(&*store, &ids, "abcd").await;
    let mut seen = vec![(talk.head.unwrap(), "abcd", "abcd")];
    let steps = [
        (without(4, 1, Removal::User, None), "acd", "acd"),
        (
            without(3, 0, Removal::Replaced, Some(talk.message("human", "A"))),
            "Acd",
            "Acd",
        ),
        (forget(3, 2), "d", "Acd"),
        (
            append(1, vec![talk.message("ai", "e"), talk.message("ai", "f")]),
            "def",
            "Acdef",
        ),
        (without(3, 1, Removal::Rollback, None), "df", "Acdf"),
        (append(2, Vec::new()), "df", "Acdf"),
        (forget(2, 2), "", "Acdf"),
        (append(0, vec![talk.message("human", "g")]), "g", "Acdfg"),
    ];
    for (change, held, all) in steps {
        talk.apply(talk.step().change(TRANSCRIPT, change), 0).await;
        seen.push((talk.head.unwrap(), held, all));
        let thread = store.thread(&talk.key).await.unwrap().unwrap();
        assert_eq!(thread.messages, all.len() as u64);
    }
    for (at, held, all) in seen {
        looks_like(&*store, &talk.key, at, held, all).await;
    }
    sound(&*store).await;
}

/// Summarising hides nothing from a person.
pub async fn only_context_leaves_the_transcript_alone(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    for (thread, reason, all) in [
        ("context", Removal::Context, "ab"),
        ("user", Removal::User, "b"),
        ("rollback", Removal::Rollback, "b"),
    ] {
        let mut talk = Talk::new(&*store, &ids, "alice", thread);
        talk.turn("a", "b").await;
        talk.apply(
            talk.step().change(TRANSCRIPT, without(2, 0, reason, None)),
            0,
        )
        .await;
        looks_like(&*store, &talk.key, talk.head.unwrap(), "b", all).await;
    }
    sound(&*store).await;
}

/// An edited message stands where the old one stood, also among those that only the transcript holds.
pub async fn a_successor_takes_the_place_of_what_it_replaces(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = letters(&*store, &ids, "abcde").await;
    talk.apply(
        talk.step()
            .change(TRANSCRIPT, without(5, 1, Removal::Context, None)),
        0,
    )
    .await;
    let successor = Some(talk.message("human", "C"));
    talk.apply(
        talk.step()
            .change(TRANSCRIPT, without(4, 1, Removal::Replaced, successor)),
        0,
    )
    .await;
    looks_like(&*store, &talk.key, talk.head.unwrap(), "aCde", "abCde").await;
    let both = Change::List(ListDelta {
        base_len: 4,
        pieces: vec![Piece::Keep(0..3), Piece::New(0..2)],
        elements: vec![talk.message("human", "E"), talk.message("ai", "f")],
        dropped: vec![Dropped {
            range: 3..4,
            reason: Removal::Replaced,
        }],
    });
    talk.apply(talk.step().change(TRANSCRIPT, both), 0).await;
    looks_like(&*store, &talk.key, talk.head.unwrap(), "aCdEf", "abCdEf").await;
    sound(&*store).await;
}

/// Nothing said is lost when the state forgets its list.
pub async fn a_cleared_conversation_keeps_its_transcript(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = letters(&*store, &ids, "ab").await;
    talk.apply(talk.step().change(TRANSCRIPT, Change::Clear), 0)
        .await;
    let saved = load(&*store, &talk.key, At::Head).await;
    assert!(value(&saved, TRANSCRIPT).is_none());
    assert_eq!(said(&*store, &talk.key, None).await.concat(), "ab");
    talk.len = 0;
    talk.apply(talk.step().say(0, vec![talk.message("human", "c")]), 1)
        .await;
    looks_like(&*store, &talk.key, talk.head.unwrap(), "c", "abc").await;
    sound(&*store).await;
}

/// A channel that does not change stays as it was.
pub async fn plain_values_are_set_kept_and_cleared(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    talk.apply(
        talk.step().set("a", "{\"x\": [1, null]}").set("b", "\"1\""),
        0,
    )
    .await;
    let first = talk.head.unwrap();
    talk.apply(talk.step().set("b", "\"2\""), 0).await;
    talk.apply(talk.step().set("b", "\"2\"").change("a", Change::Clear), 0)
        .await;
    talk.apply(talk.step().change("c", append(0, Vec::new())), 0)
        .await;
    let plain = |text: &str| Some(ChannelValue::Value(json(text)));
    let saved = load(&*store, &talk.key, At::Id(first)).await;
    assert_eq!(value(&saved, "a").cloned(), plain("{\"x\": [1, null]}"));
    assert_eq!(value(&saved, "b").cloned(), plain("\"1\""));
    let saved = load(&*store, &talk.key, At::Head).await;
    assert_eq!((value(&saved, "a"), saved.channels.len()), (None, 2));
    assert_eq!(value(&saved, "b").cloned(), plain("\"2\""));
    assert_eq!(
        value(&saved, "c").cloned(),
        Some(ChannelValue::List(Vec::new()))
    );
    sound(&*store).await;
}

/// An id is any text, or none.
pub async fn elements_without_ids_and_with_any_id_survive(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let uuid = "01932c07-209c-7a3b-8a3d-0123456789ab";
    let upper = uuid.to_uppercase();
    let names = [
        None,
        Some(uuid),
        Some(&upper),
        Some("run-1"),
        Some("\0é\""),
        Some(""),
    ];
    let elements: Vec<Element> = names
        .iter()
        .map(|id| Element {
            id: id.map(Arc::from),
            body: json("{\"type\":\"human\",\"content\":\"x\"}"),
        })
        .collect();
    let step = talk
        .step()
        .say(0, elements.clone())
        .change("log", append(0, elements.clone()));
    talk.apply(step, 6).await;
    let saved = load(&*store, &talk.key, At::Head).await;
    for channel in [TRANSCRIPT, "log"] {
        assert_eq!(
            value(&saved, channel).cloned(),
            Some(ChannelValue::List(elements.clone()))
        );
    }
    assert_eq!(
        said(&*store, &talk.key, None).await.len(),
        6,
        "another list is no conversation"
    );
    sound(&*store).await;
}

/// Each turn takes one away from the middle: the worst that a list can see.
pub async fn a_list_that_breaks_everywhere_restores(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let mut held: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for n in 0..120 {
        let words = [format!("q{n}"), format!("a{n}"), format!("s{n}")];
        let elements = words
            .iter()
            .map(|word| talk.message("human", word))
            .collect();
        talk.apply(talk.step().say(held.len(), elements), 3).await;
        held.extend(words);
        let len = u32::try_from(held.len()).unwrap();
        let at = held.len() - 2;
        let change = without(len, u32::try_from(at).unwrap(), Removal::User, None);
        talk.apply(talk.step().change(TRANSCRIPT, change), 0).await;
        held.remove(at);
        seen.push((talk.head.unwrap(), held.clone()));
    }
    for (at, held) in seen.into_iter().step_by(7) {
        assert_eq!(live(&*store, &talk.key, At::Id(at)).await, held);
        assert_eq!(said(&*store, &talk.key, Some(at)).await, held);
    }
    sound(&*store).await;
}
