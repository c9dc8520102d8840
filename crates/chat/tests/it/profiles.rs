//! The profile shapes the system text and the summary, wherever it comes from.

use everthread_store::UserPatch;
use serde_json::json;

use crate::stage::{Stage, input, json as text, key, says, values};

#[tokio::test]
async fn a_profile_shapes_the_system_text_and_the_summary() {
    let stage = Stage::new("chat");
    let patch = UserPatch {
        name: Some("Ann".to_owned()),
        preferences: Some(text(json!({
            "interests": ["chess", "Python"], "tone": "dry", "language": "French", "length": "one line",
            "pet": "a cat"
        }))),
        ..UserPatch::default()
    };
    stage.store.put_user(&key().user, patch).await.unwrap();
    for turn in 0..4 {
        stage.run(says(&format!("turn {turn}"))).await;
    }
    let asked = stage.asked();
    let system = asked[0].messages[0].text();
    for said in [
        "The user's name is Ann.",
        "The user is interested in: chess, Python.",
        "Tone of your answers: dry.",
        "Language of your answers: French.",
        "Length of your answers: one line.",
        "The user's pet: a cat.",
    ] {
        assert!(system.contains(said), "{said:?} is not in {system:?}");
    }
    let summary = asked.last().unwrap().messages.last().unwrap().text();
    for said in [
        "Tone of the summary: dry.",
        "Language of the summary: French.",
        "Length of the summary: one line.",
        "The user cares most about: chess, Python.",
    ] {
        assert!(summary.contains(said), "{said:?} is not in {summary:?}");
    }
}

#[tokio::test]
async fn a_profile_that_comes_as_input_is_kept_and_used_at_once() {
    let stage = Stage::new("chat");
    let out = stage
        .run(input(json!({
            "messages": {"role": "user", "content": "hi"},
            "user_profile": {"user_id": "bob", "username": "Ann", "interests": ["chess"]}
        })))
        .await;
    assert!(stage.system().contains("The user's name is Ann."));
    assert!(stage.system().contains("interested in: chess."));
    // It is the user's, not the conversation's.
    assert_eq!(values(&out)["user_profile"], json!(null));
    let user = stage.store.user(&key().user).await.unwrap().unwrap();
    assert_eq!(user.name.as_deref(), Some("Ann"));
    assert_eq!(
        user.preferences,
        Some(text(json!({"interests": ["chess"]})))
    );
    let bob = everthread_graph::contract::UserId::new("bob").unwrap();
    assert!(
        stage.store.user(&bob).await.unwrap().is_none(),
        "nothing in a body chooses an identity"
    );

    let more = json!({"preferences": {"tone": "warm", "interests": null}});
    stage
        .run(input(json!({
            "messages": [{"role": "user", "content": "again"}], "user_profile": more
        })))
        .await;
    assert!(stage.system().contains("The user's name is Ann."));
    assert!(stage.system().contains("Tone of your answers: warm."));
    assert!(!stage.system().contains("chess"));

    stage.run(says("and again")).await;
    assert!(stage.system().contains("Tone of your answers: warm."));
}

#[test]
fn a_wrong_profile_is_refused_before_there_is_a_run() {
    let stage = Stage::new("chat");
    let wrong = input(json!({"messages": [], "user_profile": {"name": 5}}));
    let error = stage.graph.check(&wrong).unwrap_err().to_string();
    assert!(error.contains("\"user_profile\""), "{error}");
}
