//! Text and values of any kind.

use everthread_graph::contract::{At, ChannelValue};

use super::{Factory, Ids, Talk, json, key, load, said, sound, value};
use crate::ThreadPatch;

/// NUL characters, noncharacters, emoji and right-to-left text come back as they went in.
pub async fn any_text_survives(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let text = "a\0b\u{FFFF}\u{E000}\u{10FFFF}\u{202E}\u{1F468}\u{200D}\u{1F469} \"quoted\" \\ \r\n\t\u{7F} ' --";
    talk.turn(text, "").await;
    talk.apply(talk.step().set("s", "\"\\u0000\\ud83d\\ude00\""), 0)
        .await;
    assert_eq!(said(&*store, &talk.key, None).await, [text, ""]);
    let saved = load(&*store, &talk.key, At::Head).await;
    let expected = ChannelValue::Value(json("\"\\u0000\\ud83d\\ude00\""));
    assert_eq!(value(&saved, "s"), Some(&expected));
    let title = "t\0itle";
    let patch = ThreadPatch {
        title: Some(title.to_owned()),
        ..ThreadPatch::default()
    };
    assert_eq!(
        store
            .update_thread(&talk.key, patch)
            .await
            .unwrap()
            .title
            .as_deref(),
        Some(title)
    );
    store.settle().await.unwrap();
    sound(&*store).await;
}

/// Five megabytes are a message like any other.
pub async fn large_values_survive(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let mut talk = Talk::new(&*store, &ids, "alice", "1");
    let large = "lorem ipsum ".repeat(5_000_000 / 12);
    talk.turn(&large, "ok").await;
    let text = format!("\"{large}\"");
    talk.apply(talk.step().set("big", &text), 0).await;
    talk.turn("after", "ok").await;
    assert_eq!(said(&*store, &talk.key, None).await[0].len(), large.len());
    let saved = load(&*store, &talk.key, At::Head).await;
    assert_eq!(
        value(&saved, "big"),
        Some(&ChannelValue::Value(json(&text)))
    );
    store.settle().await.unwrap();
    sound(&*store).await;
}

/// Names with signs that databases and shells give a meaning.
pub async fn names_are_not_patterns(factory: &dyn Factory) {
    let (store, ids) = (factory.open().await, Ids::new());
    let names = [
        "a%",
        "a_",
        "ab",
        "A%",
        "a'--",
        "../a",
        "ä",
        "a\u{308}",
        "\u{1F436}",
    ];
    for user in names {
        for thread in names {
            Talk::new(&*store, &ids, user, thread)
                .turn(user, thread)
                .await;
        }
    }
    for user in names {
        for thread in names {
            assert_eq!(
                said(&*store, &key(user, thread), None).await,
                [user, thread]
            );
        }
    }
    sound(&*store).await;
}
